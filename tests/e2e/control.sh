#!/usr/bin/env bash
# What an operator says while a ring runs, on a real broker without one: settings, pauses, cancels,
# draining; and what status, get and describe show of that and of the nodes' health.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_PARTITIONS=3
out=$WB_SCRATCH/out
err=$WB_SCRATCH/err

# What planners would put into the log.
seed() {
    "$(dirname "$WB_BIN")/tests/e2e/control/test_seed" "$@" || fail "no seed: $*"
}

# gives CODE COMMAND… ; stdout and stderr are left in $out and $err.
gives() {
    local code=0
    "${@:2}" >"$out" 2>"$err" </dev/null || code=$?
    [ $code -eq "$1" ] || fail "exit code $code, not $1: ${*:2}: $(cat "$out" "$err")"
}

says() { grep -qF -- "$1" "$err" || fail "no \"$1\" on stderr, but: $(cat "$err")"; }
prints() { grep -qF -- "$1" "$out" || fail "no \"$1\" on stdout, but: $(cat "$out")"; }
matches() { grep -qE -- "$1" "$out" || fail "no \"$1\" on stdout, but: $(cat "$out")"; }
# The field of the JSON on stdout, by a Python expression over `d`.
json() {
    python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
        "$out" "$1"
}
is() { [ "$(json "$1")" = "$2" ] || fail "$1 is not '$2' in: $(cat "$out")"; }

ring() {
    local node
    gives 0 wb topics init
    for node in a b c; do
        mkdir "$WB_SCRATCH/$node"
        gives 0 wb node add $node "file://$WB_SCRATCH/$node"
    done
    gives 0 wb rule set all --match 'a:**' --to b,c --weight 3 --existing keep
    seed jobs
}

settings() {
    gives 0 wb settings get planner.attempts --json
    is '[d["settings"][0][k] for k in ("key","value","from","default")]' \
        "['planner.attempts', '8', 'default', '8']"
    gives 0 wb settings set planner.attempts 5 --dry-run
    gives 0 env WAYBILL_PLANNER_ATTEMPTS=6 "$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX" \
        settings get planner.attempts --json
    is '[d["settings"][0][k] for k in ("value","from")]' "['6', 'config']"
    gives 0 wb settings set planner.attempts 5
    prints "planner.attempts is 5, was 8"
    gives 0 wb settings set planner.sick_hold 1s..1m --json
    is '[d[k] for k in ("done","name","dry_run")]' "['set', 'planner.sick_hold', False]"
    # Refused with the reason; the old one stays.
    gives 2 wb settings set planner.attempts 0
    says 'planner.attempts: "0" is less than 1'
    gives 2 wb settings set planner.sick_hold 1m
    says 'not two durations'
    gives 2 wb settings set planner.atempts 3
    says 'did you mean "planner.attempts"'
    gives 2 wb settings set kafka.bootstrap.servers x:1
    says 'cannot change while running'
    gives 2 wb settings get planner.sick
    gives 0 wb settings get --json
    is '{s["key"]: s["value"] for s in d["settings"] if s["from"] == "setting"}' \
        "{'planner.attempts': '5', 'planner.sick_hold': '1s..1m'}"
    is 'all("@" in s["by"] and s["since"] for s in d["settings"] if s["from"] == "setting")' True
    gives 0 wb settings get -o name
    [ "$(grep -c '^planner\.' "$out")" -eq 18 ] || fail "settings are $(cat "$out")"
    gives 0 wb settings set --unset planner.attempts
    prints "is as configured (8), no more 5"
    gives 0 wb settings set --unset planner.attempts
    prints "was not set"
    gives 0 wb settings set --unset planner.sick_after --dry-run
    gives 0 wb settings get
    matches '^planner.attempts +8 +default +- +-$'
    matches '^planner.sick_hold +1s..1m +setting +[0-9:]+ +[^ ]+@'
}

# parked LINK-TARGET WAITING PARKED RUNNING
parked() {
    gives 0 wb status --json
    is "[(l['waiting'], l['parked'], l['running']) for l in d['links'] if l['target'] == '$1'][0]" \
        "($2, $3, $4)"
}

pauses() {
    parked b 1 0 1
    parked c 2 0 0
    gives 4 wb pause node bb
    says 'did you mean "b"'
    gives 4 wb pause link a d
    gives 4 wb pause rule al
    says 'did you mean "all"'
    gives 4 wb pause file d:x
    gives 4 wb resume node d
    gives 2 wb pause node b c
    gives 8 "$WB_BIN" -b 127.0.0.1:1 pause node b --timeout 200ms
    gives 0 wb pause node b --dry-run
    parked b 1 0 1
    gives 0 wb pause node b --reason 'new disks'
    prints "node b paused"
    parked b 0 1 1
    parked c 2 0 0
    gives 0 wb pause node b
    prints "already"
    gives 0 wb get nodes
    matches '^b +paused +paused: new disks +'
    gives 0 wb get jobs --state parked --json
    is '[(j["id"], j["held_by"]["what"], j["held_by"]["reason"]) for j in d["jobs"]]' \
        "[('1', 'b', 'new disks')]"
    gives 0 wb get jobs --state waiting -o name
    [ "$(sort "$out" | paste -sd,)" = 3,4 ] || fail "waiting are $(cat "$out")"
    gives 0 wb status
    matches 'a → b .*  b paused [0-9]+s: new disks$'
    gives 0 wb describe node b --json
    is 'd["paused"]["reason"], "@" in d["paused"]["by"], d["state"]' \
        "('new disks', True, 'unknown')"
    gives 0 wb resume node b --dry-run
    parked b 0 1 1
    gives 0 wb resume node b --json
    is 'd["done"], d["name"]' "('resumed', 'node b')"
    parked b 1 0 1
    gives 0 wb resume node b
    prints "was not paused"
    gives 0 wb pause link a c
    parked c 0 2 0
    parked b 1 0 1
    gives 0 wb status --json
    is '[[h["what"] for h in l["held_by"]] for l in d["links"]]' "[[], ['link']]"
    gives 0 wb resume link a c
    gives 0 wb pause file $'a:raw/\xff' --reason odd
    parked c 1 1 0
    gives 0 wb get jobs --state parked
    matches '^4 +a:raw/\\xff +c +parked .* file paused [0-9]+s: odd$'
    gives 0 wb describe job 4 --json
    is 'd["state"], d["held_by"]["state"]' "('parked', 'paused')"
    gives 0 wb resume file $'a:raw/\xff'
    gives 0 wb pause file a:raw/x
    parked b 0 1 1
    parked c 1 1 0
    gives 0 wb describe file a:raw/x --json
    is '[t["state"] for t in d["targets"]], d["paused"]["reason"]' "(['parked', 'parked'], '')"
    gives 0 wb resume file a:raw/x
    gives 0 wb pause rule all --reason audit
    parked b 0 1 1
    parked c 0 2 0
    gives 0 wb get rules
    matches '^all .* paused: audit$'
    gives 0 wb status
    matches 'a → c .*  rule all paused [0-9]+s: audit$'
    # What is gone can still be resumed.
    gives 0 wb rule rm all --yes
    gives 4 wb pause rule all
    gives 0 wb resume rule all
    gives 4 wb resume rule all
    gives 0 wb rule set all --match 'a:**' --to b,c --weight 3 --existing keep
    parked c 2 0 0
}

cancels() {
    gives 2 wb cancel link a c
    says "cancel 2 jobs of link a c (what is on targets stays): not done without an answer"
    gives 2 wb cancel link a
    gives 4 wb cancel node d --yes
    gives 0 wb cancel node a --dry-run --yes
    prints "4 jobs of node a cancelled (dry run, nothing was changed)"
    gives 0 wb cancel rule all --dry-run
    prints "4 jobs of rule all"
    gives 0 wb cancel file a:raw/y --dry-run
    prints "1 job of file a:raw/y"
    gives 0 wb cancel link a c --yes --reason 'wrong rule' --json
    is 'd["done"], d["name"]' "('cancelled', 'link a c')"
}

drains() {
    gives 4 wb node drain d
    gives 0 wb node drain c --dry-run
    parked c 2 0 0
    gives 0 wb node drain c --reason 'to be replaced'
    prints "node c drains"
    parked c 0 2 0
    gives 0 wb node drain c
    prints "node c already drains"
    gives 0 wb node add c "file://$WB_SCRATCH/c"
    gives 0 wb describe node c --json
    is 'd["state"], d["reason"], d["draining"]' "('draining', 'draining: to be replaced', True)"
    gives 0 wb get nodes
    matches '^c +draining +draining: to be replaced +[0-9]'
    gives 0 wb node undrain c
    gives 0 wb node undrain c
    prints "node c already takes work"
    parked c 2 0 0
}

rules() {
    gives 0 wb get rules -o wide
    matches '^all +a:\*\* +b,c +auto +ignore +0 +3 +keep +- +- +- +[0-9:]+ +- +-$'
    gives 0 wb describe rule all --json
    is 'd["weight"], d["options"]["existing"], d["paused"]' "(3, 'keep', None)"
    gives 4 wb describe rule al
    gives 0 wb rule set plain --match 'a:x' --to b
    gives 0 wb rule ls --json
    is '[(r["weight"], r["options"]["existing"]) for r in d["rules"]]' \
        "[(3, 'keep'), (1, 'replace')]"
}

health() {
    gives 0 wb get nodes
    matches '^b +- +- +- +- +- +- +file:'
    gives 0 wb status --json
    is '[(n["state"], n["rtt_ms"]) for n in d["nodes"]]' \
        "[('unknown', None), ('unknown', None), ('unknown', None)]"
    seed health b sick
    seed health c up
    gives 0 wb get nodes
    matches '^b +up/sick +write: connection refused +5m +3ms +1.5s +5.0 MiB +file:'
    matches '^c +up +- +'
    gives 0 wb status
    matches 'a → b .*  b sick 5m: connection refused$'
    gives 0 wb status --json
    is '[(n["name"], n["state"], n["reason"], n["rtt_ms"]) for n in d["nodes"]][1]' \
        "('b', 'sick', 'write: connection refused', 3)"
    is '[l["held_by"][0]["state"] for l in d["links"] if l["held_by"]]' "['sick']"
    parked b 0 1 1
    parked c 2 0 0
    gives 0 wb describe node b --json
    is '[d["health"][s]["state"] for s in ("source", "target")]' "['up', 'sick']"
    is '[d["health"]["target"][k] for k in ("p50_ms", "p99_ms", "window")]' '[3, 1500, 1]'
    is 'd["health"]["target"]["error"]["category"]' unreachable
    is 'd["health"]["marker"], d["health"]["free_bytes"], d["state"]' "('feed', 5242880, 'sick')"
    gives 0 wb get jobs --state parked
    matches '^1 .* b sick 5m: connection refused$'
    seed health b up
    parked b 1 0 1
    # -w sees that a node fell sick.
    start_stage watched status -w --timeout 20s
    wait_until 10 grep -q 'a → b' "$WB_SCRATCH/watched.log"
    seed health b sick
    wait_until 10 grep -q 'b sick 5m' "$WB_SCRATCH/watched.log"
    kill_stage watched
    start_stage rules get rules -w --timeout 20s
    wait_until 10 grep -q '^all ' "$WB_SCRATCH/rules.log"
    gives 0 wb rule set later --match 'a:later' --to b
    wait_until 10 grep -q '^later ' "$WB_SCRATCH/rules.log"
    kill_stage rules
    gives 0 wb rule rm later --yes
    start_stage nodes get nodes -w --timeout 20s
    wait_until 10 grep -q '^b  *up/sick' "$WB_SCRATCH/nodes.log"
    seed health b up
    wait_until 10 grep -q '^b  *up ' "$WB_SCRATCH/nodes.log"
    kill_stage nodes
}

# A name that leads elsewhere, or comes again, inherits nothing of what was known of it.
forgets() {
    seed health b sick
    gives 0 wb pause node c
    mkdir "$WB_SCRATCH/b2"
    gives 2 wb node add b "file://$WB_SCRATCH/b2"
    says 'rule "all" names it, 2 files of it count as they are'
    gives 0 wb node add b "file://$WB_SCRATCH/b2" --yes
    gives 0 wb describe node b --json
    is 'd["health"], d["url"][-2:]' "(None, 'b2')"
    gives 0 wb rule rm all --yes
    gives 0 wb rule rm plain --yes
    seed health c up
    gives 0 wb node rm c --yes
    gives 0 wb status
    ! grep -q 'a → c' "$out" || fail "a removed node's link: $(cat "$out")"
    gives 0 wb status -v
    prints 'a → c (removed)'
    gives 0 wb status --json
    is '[(l["target"], l["removed"]) for l in d["links"]]' "[('b', False), ('c', True)]"
    gives 0 wb node add c "file://$WB_SCRATCH/c"
    gives 0 wb describe node c --json
    is 'd["health"], d["paused"]' '(None, None)'
}

ring
settings
pauses
cancels
drains
rules
health
forgets
