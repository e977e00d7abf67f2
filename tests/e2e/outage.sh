#!/usr/bin/env bash
# The broker is killed while files go through, and comes back: the services are not ready, never not
# alive, and the backlog drains by itself.
# timeout: 240
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

kafka="$(dirname "$0")/../../compose/kafka"
cluster=$WB_SCRATCH/k
WB_KAFKA=$("$kafka" start --dir "$cluster" | tail -1)
at_end() { "$kafka" stop --dir "$cluster" >/dev/null 2>&1; }
export WAYBILL_STATE_DIR=$WB_SCRATCH/state

mkdir -p "$WB_SCRATCH/a" "$WB_SCRATCH/b"
for i in {1..1500}; do printf '%s' "$i" >"$WB_SCRATCH/a/$i"; done
head -c 200000000 /dev/urandom >"$WB_SCRATCH/a/large"

wb topics init -q
for node in a b; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b -q
start_stage all run all
address() { grep -o 'http="127[^"]*"' "$WB_SCRATCH/all.log" | tail -1 | cut -d'"' -f2; }
answers() { curl -fsS "http://$(address)/$1" >/dev/null 2>&1; }
ready() { answers readyz; }
wait_until 40 ready

wb put a: -r -q
start_stage look status -w
wait_until 20 grep -q 'a → b' "$WB_SCRATCH/look.log"
"$kafka" kill 1 --dir "$cluster"
for i in {1501..1600}; do printf '%s' "$i" >"$WB_SCRATCH/a/$i"; done
rc=0
wb put a: -r -q -X socket.connection.setup.timeout.ms=2000 2>/dev/null || rc=$?
[ $rc -eq 6 ] || fail "exit code $rc without a broker"
answers livez || fail "an outage of Kafka made the service not alive"
outages() { grep -c 'it goes on by itself' "$WB_SCRATCH/look.log" || true; }
told() { [ "$(outages)" -gt 0 ]; }
wait_until 40 told
"$kafka" start-node 1 --dir "$cluster"
wb put a: -r --wait --timeout 150s -q
wait_until 60 ready
# shellcheck disable=SC2016 # awk's
caught_up() { awk '/a → b/ { done = $4 } END { exit done != "1,601" }' "$WB_SCRATCH/look.log"; }
wait_until 60 caught_up
[ "$(outages)" -eq 1 ] || fail "status -w told one outage $(outages) times"
kill_stage look
wb check a: b: -q
stop_stages all
