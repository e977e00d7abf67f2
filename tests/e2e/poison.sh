#!/usr/bin/env bash
# A file at whose opening the transfer worker dies each time does not kill it for ever: in its third
# life the task is refused, the file is dead with the reason, and other files go on.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

command -v strace >/dev/null || { echo "strace is not installed"; exit 77; }
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN=''
# One refusal is the whole budget here: it is then seen as what the file is dead of.
export WAYBILL_PLANNER_ATTEMPTS=1
mkdir -p "$WB_SCRATCH"/{a/folder,b}
echo bytes >"$WB_SCRATCH/a/folder/poison"
echo bytes >"$WB_SCRATCH/a/well"
wb topics init -q --partitions 1
for node in a b; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b -q
start_stage planner run planner
start_stage verifier run verifier
wb put a:folder/poison -q

# Whoever reads that one file dies.
life() {
    strace -f -qq -o /dev/null -P "$WB_SCRATCH/a/folder/poison" -e trace=read,pread64 \
        -e inject=read,pread64:signal=SIGKILL \
        "$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX" run transfer
}
for n in 1 2; do
    rc=0
    timeout -k 5 60 bash -c "$(declare -f life); life" >>"$WB_SCRATCH/transfer.log" 2>&1 || rc=$?
    [ $rc -eq 137 ] || fail "life $n ended with $rc, not by the task"
done
start_stage transfer run transfer
dead() { [ "$(wb get dead --json | jq '.dead | length')" = 1 ]; }
wait_until 60 dead
wb get dead --json | jq -e '.dead[0] | .error // . | tostring | contains("POISON")' >/dev/null ||
    { wb get dead --json; fail "the reason is another one"; }
grep -q 'ended the worker 2 times' "$WB_SCRATCH/transfer.log"
[ ! -e "$WB_SCRATCH/b/folder/poison" ] || fail "it was copied"
wb put a:well --wait --timeout 60s -q
# shellcheck disable=SC2119 # no names: all
stop_stages
