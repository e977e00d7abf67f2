#!/usr/bin/env bash
# What was given wrongly ends with 2 and says where and what to do, whoever found it out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export WAYBILL_STATE_DIR=$WB_SCRATCH/state

# refused WORDS COMMAND… ; exit code 2, and the words are on stderr.
refused() {
    local code=0
    timeout -k 5 30 "${@:2}" >"$WB_SCRATCH/out" 2>&1 </dev/null || code=$?
    [ $code -eq 2 ] || fail "exit code $code, not 2: ${*:2}: $(cat "$WB_SCRATCH/out")"
    grep -qF -- "$1" "$WB_SCRATCH/out" || fail "no \"$1\" in: $(cat "$WB_SCRATCH/out")"
}
waybill=("$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX")

refused '3 replicas' "${waybill[@]}" topics init --replication 3
says_more() { grep -qF -- "$1" "$WB_SCRATCH/out" || fail "no \"$1\" in: $(cat "$WB_SCRATCH/out")"; }
says_more '--replication'
wb topics init -q --partitions 1
for node in a b; do
    mkdir -p "$WB_SCRATCH/$node"
    wb node add $node "file://$WB_SCRATCH/$node" -q
done

refused 'cannot listen on 192.0.2.1:99' "${waybill[@]}" --listen 192.0.2.1:99 run all
refused 'see --state-dir' "${waybill[@]}" --state-dir /proc/x run all
touch "$WB_SCRATCH/file"
refused 'see --state-dir' "${waybill[@]}" --state-dir "$WB_SCRATCH/file" run all
refused 'is not an absolute path' "${waybill[@]}" --state-dir x run all
refused '/nodir/x' "${waybill[@]}" check a: b: --combined /nodir/x
refused "\"a:[\"" "${waybill[@]}" rule set x --match 'a:[' --to b
says_more 'byte 1'

refused "cannot read \"$WB_SCRATCH\"" "${waybill[@]}" -c "$WB_SCRATCH" node ls
config=$WB_SCRATCH/w.yaml
printf 'site: a\nsite: b\n' >"$config"
refused "$config:2:1: \"site\" is there twice" "${waybill[@]}" -c "$config" node ls
printf 'kafka:\n  sasl.usernam: u\n' >"$config"
refused "$config:2:3: unknown kafka setting" "${waybill[@]}" -c "$config" node ls
says_more 'did you mean "sasl.username"'
refused 'did you mean WAYBILL_TRANSFER_MEMORY' env WAYBILL_TRANFSER_MEMORY=1GiB \
    "${waybill[@]}" node ls
export WAYBILL_SECRET_KEY=x WAYBILL_QUIET=1 WAYBILL_CONFIG=/dev/null
"${waybill[@]}" node ls >/dev/null || fail 'names that mean something are refused'
