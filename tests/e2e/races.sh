#!/usr/bin/env bash
# Tasks that come late or twice, or that meet nodes which are not as they should be, given by hand
# to a real transfer worker, and claims that are wrong, given to a real verifier.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN=''
wb topics init -q
for node in a b c; do
    mkdir -p "$WB_SCRATCH/$node"
    wb node add $node "file://$WB_SCRATCH/$node" -q
done
start_stage transfer run transfer
start_stage verifier run verifier
for program in test_races test_nodes; do
    "$(dirname "$0")/../../build/debug/tests/e2e/races/$program"
done
# shellcheck disable=SC2119 # no names: all
stop_stages
