#!/usr/bin/env bash
# put: what is published of words, trees and standard input, what is told of the rest, and the wait.
# timeout: 150
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

a=$WB_SCRATCH/a b=$WB_SCRATCH/b
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN=''
mkdir -p "$a/in/deep" "$a/.waybill" "$b"
odd=$a/in/new$'\n'line$'\001\377'
printf 1 >"$a/one"
printf 22 >"$a/in/two"
printf 333 >"$odd"
printf 4 >"$a/{brace"
printf no >"$a/.waybill/staged"
ln -s one "$a/link"
mkfifo "$a/in/deep/pipe"

# run CODE ARGUMENT… ; stdin passes through; output in $out and $err.
out=$WB_SCRATCH/out err=$WB_SCRATCH/err
run() {
    local rc=0
    wb "${@:2}" >"$out" 2>"$err" || rc=$?
    [ $rc -eq "$1" ] || { cat "$out" "$err" >&2; fail "exit code $rc, not $1: ${*:2}"; }
}
said() { grep -qF -- "$1" "$err" || { cat "$err" >&2; fail "did not say: $1"; }; }

# As another program counts them.
events() {
    kcat -C -b "$WB_KAFKA" -t "$WB_PREFIX.events" -e -q -X fetch.wait.max.ms=20 -f 'x\n' \
        2>/dev/null | wc -l
}
# sent NUMBER COMMAND…
sent() {
    local before
    before=$(events)
    "${@:2}"
    [ $(($(events) - before)) -eq "$1" ] || fail "$(($(events) - before)) events, not $1: ${*:2}"
}

wb topics init -q
for node in a b; do wb node add $node "file://$WB_SCRATCH/$node" -q; done

echo "words: files, folders, and what is not there"
sent 1 run 0 put a:one
sent 1 run 0 put a:link
sent 0 run 2 put a:in
said '-r publishes'
sent 0 run 4 put a:nope
said --deleted
sent 0 run 4 put zz:one
said 'unknown node "zz"'
sent 0 run 2 put a:../etc/passwd
sent 0 run 2 put one
sent 0 run 2 put
sent 1 run 3 put a:nope a:one a:in
said 'no file "a:nope"'
said '"a:in" is a folder'
sent 1 run 0 put a:nope --deleted
sent 0 run 2 put a: -r --deleted

echo "a tree: special files are noted, staging is passed over, the rest goes"
sent 5 run 0 put a: -r
said '1 special file is passed over ("in/deep/pipe")'
sent 0 run 3 put a:in/deep/pipe
said 'cannot publish a:in/deep/pipe: a device, socket or fifo is never copied'
! grep -q staged "$err" || fail "the staging folder was looked at"

echo "dry run: told, not sent"
sent 0 run 0 put a: -r -n
grep -qxF 'written a:in/new\x0aline\x01\xff' "$out" || fail "no such line: $(cat "$out")"
sent 0 run 0 put a: -r -n --json
has() { jq -se "any(.[]; $1)" "$out" >/dev/null || { cat "$out" >&2; fail "no line: $1"; }; }
has '.type == "summary" and .special == 1'
has '.path_b64 != null'
[ "$(jq -r 'select(.type == "summary") | .published' "$out")" = 5 ] || fail "summary"

echo "standard input: bad lines are told with their number, the others go on"
lines='one
nope

../one
{"kind":"written","node":"a","path":"in/two"}
{"kind":"sung","node":"a","path":"one"}
{"kind":"written","node":"a","path":"/one"}
{
in'
sent 2 run 3 put a: --stdin <<<"$lines"
for number in 2 4 6 7 8 9; do said "line $number: "; done
! grep -q 'line [135]:' "$err" || fail "a good line was told"
sent 1 run 0 put --stdin <<<'{"kind":"deleted","node":"a","path":"gone"}'
sent 0 run 3 put --stdin <<<'{"kind":"written","node":"aa","path":"one"}'
said 'line 1: unknown node "aa", did you mean "a"'
sent 0 run 3 put --stdin <<<'{"kind":"written","node":"a","path":"one","sise":3}'
said 'line 1: unknown field "sise", did you mean "size"'
sent 0 run 3 put --stdin <<<one
said 'needs its node'
sent 2 run 0 put a: --stdin -0 < <(printf '{brace\0%s\0' "${odd#"$a/"}")
sent 2 run 0 put a: --stdin -r <<<in
sent 0 run 3 put a: --stdin --json <<<in/deep/pipe
has '.type == "error" and .path == "in/deep/pipe"'
sent 1 run 0 put a: --stdin --deleted <<<gone
sent 0 run 2 put a:in --stdin </dev/null
sent 0 run 9 put a: --stdin --fail-if-nothing </dev/null
sent 1 run 3 put a: --stdin < <(head -c 1100000 /dev/zero | tr '\0' x; echo; echo one)
said 'line 1: longer than'

echo "no planner runs, and that can be seen"
run 0 status
grep -qE '^[0-9]+ events wait for a planner; none is in the group$' "$out" || fail "$(cat "$out")"
run 0 status --json
[ "$(jq -c '[.events.unread, .events.planners]' "$out")" = "[$(events),0]" ] || fail "$(cat "$out")"
run 0 get files
said 'wait for a planner; none is in the group'
run 4 describe file a:one
said 'wait for a planner'
wb rule set all --match 'a:**' --to b -q
start_stage lone put a:one --wait
wait_until 30 grep -q 'no planner has joined' "$WB_SCRATCH/lone.log"
kill_stage lone

echo "wait: nobody copies, so it ends by its limit or by a signal"
run 8 put a:one --wait --timeout 300ms
said '1 of 1 copy has not ended'
said 'waybill get jobs'
for signal in INT TERM; do
    "$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX" put a:one --wait --json >"$out" 2>"$err" &
    pid=$!
    wait_until 20 grep -q '"type":"status"' "$out"
    kill -$signal $pid
    rc=0
    wait $pid || rc=$?
    [ $rc -eq $((128 + $(kill -l $signal))) ] || fail "exit code $rc after SIG$signal"
    said 'the replication goes on'
done

echo "wait: to the end of every copy, and again for nothing"
start_stage all run all
run 0 put a: -r --wait --json --timeout 60s
[ "$(jq -r 'select(.type == "summary") | .verified' "$out")" = 5 ] || fail "not all are verified"
[ "$(jq -s '[.[] | select(.type == "file" and .end == "verified")] | length' "$out")" = 5 ] ||
    fail "no line a file"
cmp "$odd" "$b/${odd#"$a/"}"
run 0 put a:one a:in/two --wait -P --timeout 60s
said '2 copies verified'
run 0 put a:none --deleted --wait --timeout 60s
said '1 delete is ignored by its rules'
run 0 put a:none a:nor --deleted --wait --json
[ "$(jq -r 'select(.type == "summary") | .ignored' "$out")" = 2 ] || fail "$(cat "$out")"
wb rule set all --match 'a:in/**' --to b -q
run 0 put a:one --wait --timeout 60s
said '1 file matches no rule and goes nowhere'
run 0 status --json
[ "$(jq .events.planners "$out")" -ge 1 ] || fail "the planner is not seen: $(cat "$out")"
run 0 get files b:in --json
[ "$(jq -c '[.files[].target] | unique' "$out")" = '["b"]' ] || fail "not those of b: $(cat "$out")"
run 0 get files b:one -o name
[ "$(cat "$out")" = a:one ] || fail "files of a target: $(cat "$out")"
run 0 get files b: --target a

echo "wait: what ends dead is told with its reason"
rc=0
wb put --stdin --wait --timeout 60s <<<'{"kind":"written","node":"a","path":"in/deep/pipe"}' \
    2>"$err" || rc=$?
[ $rc -eq 3 ] || fail "exit code $rc"
said 'cannot copy a:in/deep/pipe to b'
one_is_dead() { [ "$(wb get dead -o name | wc -l)" = 1 ]; }
wait_until 20 one_is_dead
[ "$(wb get dead --json | jq .dead[0].attempt)" = 1 ] || fail "$(wb get dead --json)"
[ "$(wb get files a:in/deep/pipe --json | jq .files[0].attempts)" = 1 ] || fail "$(wb get files)"
run 0 describe file a:in/deep/pipe --json
[ "$(jq -c '.targets[0] | [.job.attempt, .replica.attempts]' "$out")" = '[1,1]' ] ||
    fail "attempts differ: $(cat "$out")"
run 0 trace a:in/deep/pipe
for text in 'attempt 1, one of 1 file$' ' 1 of 8 attempts made: '; do
    grep -q "$text" "$out" || fail "attempts differ: $(cat "$out")"
done
run 4 trace b:in/deep/pipe
said 'waybill trace a:in/deep/pipe'

stop_stages all

echo "no broker"
rc=0
"$WB_BIN" -b 127.0.0.1:9 --prefix "$WB_PREFIX" put a:one >"$out" 2>"$err" || rc=$?
[ $rc -eq 6 ] || fail "exit code $rc"
said 127.0.0.1:9
