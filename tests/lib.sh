# shellcheck shell=bash
# What end-to-end scripts share; sourced first: . "$(dirname "$0")/../lib.sh"
# tests/run gives WB_BIN, WB_KAFKA (bootstrap), WB_PREFIX (of topics) and WB_SCRATCH (a folder of
# the test's own, removed afterwards). To skip a test: say why, exit 77.
set -euo pipefail

: "${WB_BIN:?run it by tests/run --only NAME}" "${WB_KAFKA:?}" "${WB_PREFIX:?}" "${WB_SCRATCH:?}"

declare -A stages=()

wb() { "$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX" "$@"; }

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# wait_until SECONDS COMMAND… ; polls every 50 ms, fails when the time is over.
wait_until() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    until "${@:2}"; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$deadline" ] || fail "not within $1 s: ${*:2}"
        sleep 0.05
    done
}

# start_stage NAME ARGUMENT… ; waybill in the background, its output in $WB_SCRATCH/NAME.log.
start_stage() {
    [ -z "${stages[$1]:-}" ] || fail "stage '$1' runs already"
    "$WB_BIN" -b "$WB_KAFKA" --prefix "$WB_PREFIX" "${@:2}" >>"$WB_SCRATCH/$1.log" 2>&1 </dev/null &
    stages[$1]=$!
}

# kill_stage NAME ; SIGKILL, as a power cut would.
kill_stage() {
    kill -KILL "${stages[$1]}" || fail "stage '$1' had ended by itself"
    wait "${stages[$1]}" 2>/dev/null || true
    unset "stages[$1]"
}

# pause_stage STOP|CONT NAME ; as a machine that hangs, and wakes.
pause_stage() { kill "-$1" "${stages[$2]}" || fail "stage '$2' had ended by itself"; }

# stop_stages [NAME…] ; SIGTERM to these or all; each must drain within 30 s and exit 0.
stop_stages() {
    local name rc deadline=$((SECONDS + 30)) which=("$@")
    [ $# -gt 0 ] || which=("${!stages[@]}")
    for name in "${which[@]}"; do
        kill -TERM "${stages[$name]}" 2>/dev/null || true
    done
    for name in "${which[@]}"; do
        while kill -0 "${stages[$name]}" 2>/dev/null && [ $SECONDS -lt $deadline ]; do
            sleep 0.05
        done
        ! kill -KILL "${stages[$name]}" 2>/dev/null || fail "stage '$name' did not stop in 30 s"
        rc=0
        wait "${stages[$name]}" || rc=$?
        unset "stages[$name]"
        [ $rc -eq 0 ] || fail "stage '$name' ended with $rc"
    done
}

# A test that fails shows what its stages said; nothing runs on in any case. What else a script has
# to undo it defines as at_end.
clean_up() {
    local rc=$? name log
    trap '' INT TERM
    ! declare -F at_end >/dev/null || at_end || true
    for name in "${!stages[@]}"; do
        kill -KILL "${stages[$name]}" 2>/dev/null || true
    done
    if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then
        for log in "$WB_SCRATCH"/*.log; do
            [ ! -f "$log" ] || { echo "--- ${log##*/}"; tail -n 15 "$log"; } >&2
        done
    fi
    exit $rc
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
