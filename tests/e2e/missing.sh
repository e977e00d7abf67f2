#!/usr/bin/env bash
# A service waits some time for topics that are not there (yet), and no longer; a command that comes
# right after `topics init` finds them.
# timeout: 120
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export WAYBILL_STATE_DIR=$WB_SCRATCH/state
says() { grep -q "$1" "$WB_SCRATCH/$2.log"; }

start_stage early run all
wait_until 20 says 'is missing' early
wb topics init -q
address() { sed -n 's/.*http="\([^"]*\)".*/\1/p' "$WB_SCRATCH/early.log" | head -n 1; }
ready() { curl -fsS "http://$(address)/readyz" >/dev/null 2>&1; }
wait_until 40 ready
stop_stages early

mkdir -p "$WB_SCRATCH/a"
for n in {1..10}; do
    WB_PREFIX=$WB_PREFIX-$n
    wb topics init -q --partitions 1
    wb node add a "file://$WB_SCRATCH/a" -q
done

WB_PREFIX=$WB_PREFIX-never
begun=$SECONDS rc=0
wb run all >"$WB_SCRATCH/never.log" 2>&1 </dev/null || rc=$?
[ $rc -eq 4 ] || fail "without topics it ended with $rc"
says 'waybill topics init' never || fail 'it does not say what to do'
says 'level="error"' never || fail 'its end is no error in the log'
[ $((SECONDS - begun)) -ge 10 ] || fail 'it did not wait for them'
[ $((SECONDS - begun)) -le 40 ] || fail 'it waited too long'
