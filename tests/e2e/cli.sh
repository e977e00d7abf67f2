#!/usr/bin/env bash
# The command line on the real broker: topics, nodes, rules, bad input with its words and exit
# codes, and check on two real trees with difficult names.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_PARTITIONS=3
out=$WB_SCRATCH/out
err=$WB_SCRATCH/err

# gives CODE COMMAND… ; stdout and stderr are left in $out and $err.
gives() {
    local code=0
    "${@:2}" >"$out" 2>"$err" </dev/null || code=$?
    [ $code -eq "$1" ] || fail "exit code $code, not $1: ${*:2}: $(cat "$out" "$err")"
}

says() { grep -qF -- "$1" "$err" || fail "no \"$1\" on stderr, but: $(cat "$err")"; }
prints() { grep -qF -- "$1" "$out" || fail "no \"$1\" on stdout, but: $(cat "$out")"; }
# The field of the JSON on stdout, by a Python expression over `d`.
json() {
    python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
        "$out" "$1"
}
is() { [ "$(json "$1")" = "$2" ] || fail "$1 is not '$2' in: $(cat "$out")"; }

topics() {
    gives 5 wb topics check
    prints missing
    gives 4 wb node ls
    says "waybill topics init"
    gives 0 wb topics init --dry-run
    gives 5 wb topics check --json
    is 'len(d["findings"])' 9
    is 'd["schema"]' waybill/v1
    gives 0 wb topics init
    gives 0 wb topics check
    gives 0 wb topics init --json
    is 'd["created"]' 0
    gives 5 wb topics check --partitions 6
    prints "has 3 partitions, not 6"
}

no_broker() {
    gives 8 "$WB_BIN" -b 127.0.0.1:1 status --timeout 200ms
    gives 6 "$WB_BIN" -b 127.0.0.1:1 status
    says "127.0.0.1:1"
    says "name others with -b"
}

configuration() {
    printf 'site: x\nplanner:\n  atempts: 3\n' >"$WB_SCRATCH/w.yaml"
    gives 2 wb -c "$WB_SCRATCH/w.yaml" status
    says 'w.yaml:3:3: unknown key'
    says 'did you mean "attempts"'
    gives 2 wb -c "$WB_SCRATCH/nowhere.yaml" status
    says nowhere.yaml
}

nodes() {
    mkdir "$WB_SCRATCH/a" "$WB_SCRATCH/b"
    touch "$WB_SCRATCH/plain"
    gives 7 wb node add a "file://$WB_SCRATCH/missing"
    says "No such file or directory"
    gives 7 wb node add a "file://$WB_SCRATCH/plain"
    says "Not a directory"
    gives 2 wb node add a ftp://x/y
    says "no scheme that is known"
    gives 2 wb node add a "file://$WB_SCRATCH/a" --opt colour=red
    says 'unknown option "colour"'
    gives 0 wb node add a "file://$WB_SCRATCH/a" --dry-run
    prints "dry run"
    gives 0 wb node ls --json
    is 'len(d["nodes"])' 0
    gives 0 wb node add a "file://$WB_SCRATCH/a"
    gives 0 wb node add b "file://$WB_SCRATCH/b" --site dc2 --secret s
    gives 0 wb node add far "file://$WB_SCRATCH/missing" --force
    # No process may write there, whoever it runs as.
    gives 0 wb node add ro file:///proc/sys
    says "a source only"
    gives 0 wb node add a "file://$WB_SCRATCH/a"
    prints 'node a unchanged'
    gives 0 wb node add a "file://$WB_SCRATCH/a" --secret s
    prints 'node a changed'
    gives 0 wb node add a "file://$WB_SCRATCH/a" --json
    is 'd["done"]' changed
    gives 0 wb node ls -o name
    [ "$(cat "$out")" = $'a\nb\nfar\nro' ] || fail "nodes are $(cat "$out")"
    gives 0 wb describe node b --json
    is 'd["site"], d["secret"], d["state"]' "('dc2', 's', 'unknown')"
    gives 0 wb node test b --json
    is 'd["writes"], d["limits"], sorted(d["times"])' \
        "(True, [], ['look_ms', 'read_ms', 'write_ms'])"
    [ -z "$(find "$WB_SCRATCH/b" -name 'test.*')" ] || fail "node test leaves something behind"
    gives 4 wb node test bb
    gives 7 wb node test far
    gives 2 wb node rm ro
    says "give --yes"
    gives 0 wb node rm ro --dry-run
    gives 0 wb node rm ro --yes
    gives 4 wb node rm ro --yes
    gives 4 wb describe node farr
    says 'did you mean "far"'
}

rules() {
    gives 4 wb rule set all --match 'a:**' --to bb
    says 'unknown node "bb", did you mean "b"'
    gives 4 wb rule set all --match 'x:**' --to b
    gives 2 wb rule set all --match 'a:**' --to b,a
    says 'copies "a" onto itself'
    gives 0 wb rule set all --match 'a:**' --to b
    prints 'rule all added'
    gives 0 wb rule set all --match 'a:**' --to b --sha256
    prints 'rule all changed'
    gives 0 wb rule set all --match 'a:**' --to b --sha256
    prints 'rule all unchanged'
    gives 0 wb rule set on --match 'b:**' --to far
    gives 2 wb rule set back --match 'far:x' --to a
    says 'round in a circle: far -> a -> b -> far'
    gives 0 wb rule set on --match 'b:**' --to far --dry-run --deletes propagate
    gives 0 wb rule ls --json
    is '[(r["name"], r["deletes"]) for r in d["rules"]]' "[('all', 'ignore'), ('on', 'ignore')]"
    gives 0 wb rule set raw --match 'a:raw/*' --to b --priority 5 --batch-below 64KiB --xattrs
    gives 0 wb rule test a:raw/x --json
    is 'd["rules"]' "['all', 'raw']"
    is '[(t["target"], t["priority"], t["batch_below"]) for t in d["targets"]]' "[('b', 5, 65536)]"
    is '[m["name"] for m in d["matches"]], d["targets"][0]["rules"]' \
        "(['all', 'raw'], ['all', 'raw'])"
    is '[d["targets"][0]["from"][k] for k in ("priority","batch_below","deletes","strategy")]' \
        "['raw', 'raw', 'all', None]"
    is 'd["targets"][0]["options"]["sha256"], d["targets"][0]["options"]["xattrs"]' "(True, True)"
    gives 4 wb rule test far:x
    gives 2 wb rule test a:../x
    gives 2 wb node add far "file://$WB_SCRATCH/elsewhere" --force
    says 'rule "on" names it, 0 files of it count'
    gives 0 wb node add far "file://$WB_SCRATCH/elsewhere" --force --dry-run
    gives 0 wb node add far "file://$WB_SCRATCH/elsewhere" --force --yes
    gives 0 wb node add far "file://$WB_SCRATCH/missing" --force --yes
    gives 2 wb node rm b --yes
    says 'named by rule "all"'
    gives 4 wb rule rm ra --yes
    says 'did you mean "raw"'
    gives 2 wb rule rm raw
    gives 0 wb rule rm raw --yes
    gives 0 wb get rules -o name
    [ "$(cat "$out")" = $'all\non' ] || fail "rules are $(cat "$out")"
}

# Roots that lie in one another: fine alone, never connected by rules, whatever way they are named.
roots() {
    mkdir -p "$WB_SCRATCH/r/in/deep" "$WB_SCRATCH/elsewhere"
    ln -s r "$WB_SCRATCH/alias"
    gives 0 wb node add r "file://$WB_SCRATCH/r"
    gives 0 wb node add in "file://$WB_SCRATCH/r/in"
    says 'no rule may lead from one to the other'
    gives 0 wb node add alias "file://$WB_SCRATCH/alias"
    gives 0 wb node add else "file://$WB_SCRATCH/elsewhere"
    gives 0 wb node add dc "file://$WB_SCRATCH/r/in" --site dc3
    [ ! -s "$err" ] || fail "another site is another machine: $(cat "$err")"
    for pair in r:in in:r r:alias alias:in; do
        gives 2 wb rule set nest --match "${pair%:*}:**" --to "else,${pair#*:}"
        says 'copies a node into itself'
    done
    gives 0 wb rule set dc --match 'r:**' --to dc
    gives 0 wb rule set out --match 'r:**' --to else
    gives 2 wb rule set back --match 'else:x' --to in
    says 'copies a node into itself (else -> in -> else)'
    gives 2 wb rule set back --match 'else:x' --to b,alias
    gives 2 wb node add else "file://$WB_SCRATCH/r/in/deep"
    says 'rule "out" copies a node into itself (r -> else)'
    gives 2 wb node add else "file://$WB_SCRATCH/r/in/none" --force
    gives 0 wb node add apart "file://$WB_SCRATCH/r/in/deep"
    for name in dc out; do gives 0 wb rule rm $name --yes; done
    for name in r in alias else dc apart; do gives 0 wb node rm $name --yes; done
}

nothing_yet() {
    gives 0 wb status --json
    is '[(l["source"], l["target"], l["verified"]) for l in d["links"]]' \
        "[('a', 'b', 0), ('b', 'far', 0)]"
    is 'sorted(n["name"] for n in d["nodes"])' "['a', 'b', 'far']"
    gives 0 wb get files --json
    is 'd["files"]' '[]'
    gives 4 wb describe file a:x
    gives 4 wb describe job 0123456789abcdef
    gives 4 wb trace a:x
    gives 8 wb status -w --timeout 1s
    gives 4 wb get files fart:x
    says 'unknown node "fart", did you mean "far"'
    gives 4 wb get jobs --target zz
    says 'unknown node "zz"'
    gives 2 wb get files --state foo
    says 'there are verified, superseded, deleted, waiting, probing'
    gives 2 wb get jobs --state verified
    says 'there are waiting, probing'
    gives 2 wb get dead --state waiting
    gives 2 wb get nodes --state up
    gives 2 wb get nodes a
    says 'lists all'
}

tree() {
    mkdir -p "$1/sub/deep" "$1/.waybill"
    printf same >"$1/sub/deep/same"
    printf x >"$1/"$'new\nline'
    printf x >"$1/"$'raw\xff\xfe'
    printf x >"$1/"$'control\x01\x1b'
    printf x >"$1/sub/ä b"
    : >"$1/empty"
    ln -s sub/deep/same "$1/link"
    head -c 3000000 /dev/zero >"$1/large"
}

check() {
    local a=$WB_SCRATCH/a b=$WB_SCRATCH/b
    tree "$a"
    tree "$b"
    printf x >"$a/.waybill/staged"
    gives 0 wb check a: b: --combined -
    [ "$(grep -c '^= ' "$out")" -eq 8 ] || fail "not 8 equal: $(cat "$out")"
    prints '= new\x0aline'
    prints '= raw\xff\xfe'
    prints '= control\x01\x1b'
    prints '= sub/ä b'
    says "8 same, 0 missing"
    printf y >"$b/"$'raw\xff\xfe'
    printf z | dd of="$b/large" bs=1 seek=2999999 conv=notrunc status=none
    ln -sfn elsewhere "$b/link"
    rm "$b/empty"
    printf x >"$b/sub/extra"
    mkfifo "$a/pipe"
    gives 5 wb check a: b: --combined "$WB_SCRATCH/all"
    sort "$out" >"$out.sorted"
    printf '%s\n' '* large' '* link' '* raw\xff\xfe' '+ empty' '- sub/extra' |
        LC_ALL=C.UTF-8 sort | cmp - "$out.sorted" || fail "differences are $(cat "$out")"
    [ "$(wc -l <"$WB_SCRATCH/all")" -eq 9 ] || fail "combined is $(cat "$WB_SCRATCH/all")"
    says '"large": bytes differ from byte 2999999 on'
    says '1 special file is passed over ("pipe")'
    gives 5 wb check a: b: --json
    is '[d[k] for k in ("same","missing_on_target","missing_on_source","differ","errors")]' \
        '[4, 1, 1, 3, 0]'
    is '[f["path_b64"] for f in d["files"] if "path_b64" in f]' "['cmF3//4=']"
    is 'd["special"]' 1
    gives 3 wb check a:pipe b:pipe
    gives 0 wb check a:sub/deep b:sub/deep
    gives 5 wb check a:sub b:sub
    prints '- extra'
    gives 5 wb check a:link b:link
    prints '* link'
    gives 4 wb check a:none b:none
    gives 4 wb check a: c:
    gives 7 wb check a: far:
    gives 2 wb check a: b: --combined - --json
    gives 2 wb check a:../b b:
    [ -z "$(find "${TMPDIR:-/var/tmp}" -maxdepth 1 -name 'waybill-check-*')" ] ||
        fail "check left its list of names behind"
}

topics
no_broker
configuration
nodes
rules
roots
nothing_yet
check
