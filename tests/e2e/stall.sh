#!/usr/bin/env bash
# A worker with one thread, whose node does not answer for some seconds: other files go on
# meanwhile, and the one that was held up is done when the node comes back.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

command -v strace >/dev/null || { echo "strace is not installed"; exit 77; }
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN=''
export WAYBILL_TRANSFER_TRANSFERS=1 WAYBILL_TRANSFER_STALL_TIMEOUT=1s
mkdir -p "$WB_SCRATCH"/{a,b}
echo bytes | tee "$WB_SCRATCH/a/slow" >"$WB_SCRATCH/a/quick"
wb topics init -q --partitions 1
for node in a b; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b -q
start_stage planner run planner
start_stage verifier run verifier

# The first read of that one file takes so long.
strace -D -f -qq -o /dev/null -P "$WB_SCRATCH/a/slow" -e trace=pread64 \
    -e inject=pread64:delay_enter=12000000:when=1 \
    "$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX" run transfer \
    >"$WB_SCRATCH/transfer.log" 2>&1 </dev/null &
stages[transfer]=$!
wb put a:slow -q
told() { grep -q 'does not answer; others go on' "$WB_SCRATCH/transfer.log"; }
wait_until 30 told
wb put a:quick --wait --timeout 10s -q
[ ! -e "$WB_SCRATCH/b/slow" ] || fail "nothing was held up"
there() { [ -e "$WB_SCRATCH/b/slow" ]; }
wait_until 40 there
wb put a:slow --wait --timeout 20s -q
# shellcheck disable=SC2119 # no names: all
stop_stages
