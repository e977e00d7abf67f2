#!/usr/bin/env bash
# The ring on a real broker: a tree of all kinds of files to two nodes, again, changed, deleted,
# with local state lost.
# timeout: 240
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

a=$WB_SCRATCH/a b=$WB_SCRATCH/b c=$WB_SCRATCH/c
state=$WB_SCRATCH/state
export WAYBILL_STATE_DIR=$state WAYBILL_HTTP_LISTEN=127.0.0.1:0 WAYBILL_PLANNER_CHUNK_SIZE=1MiB

make_tree() {
    mkdir -p "$a/deep/er" "$a/many" "$b" "$c"
    printf 'hello\n' >"$a/plain.txt"
    : >"$a/empty"
    ln -s plain.txt "$a/link"
    ln -s /nowhere/at/all "$a/dangling"
    printf x >"$a/deep/er/new"$'\n'"line"
    printf y >"$a/deep/control"$'\001'"byte"
    printf z >"$a/deep/stray"$'\377\376'"bytes"
    printf p >"$a/deep/$(printf 'n%.0s' {1..255})"
    head -c 300000 /dev/urandom >"$a/deep/batch.bin"
    head -c 3000000 /dev/urandom >"$a/deep/direct.bin"
    head -c 12345678 /dev/urandom >"$a/deep/chunked.iso"
    head -c 9000000 /dev/urandom >"$a/deep/film.mp4"
    truncate -s 64M "$a/sparse.img"
    printf data | dd of="$a/sparse.img" bs=1 seek=40000000 conv=notrunc status=none
    chmod 4750 "$a/plain.txt"
    touch -d '2001-02-03 04:05:06.789' "$a/deep/batch.bin"
    local i
    for i in {1..300}; do printf '%s' "$i" >"$a/many/$i"; done
}

metric() {
    local address
    address=$(grep -o 'http="127[^"]*"' "$WB_SCRATCH/all.log" | tail -1 | cut -d'"' -f2)
    curl -fsS "http://$address/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

ready() {
    local address
    address=$(grep -o 'http="127[^"]*"' "$WB_SCRATCH/all.log" | tail -1 | cut -d'"' -f2)
    [ -n "$address" ] && curl -fsS "http://$address/readyz" >/dev/null 2>&1
}

same_everywhere() {
    wb check a: b: --combined - >"$WB_SCRATCH/check" ||
        { cat "$WB_SCRATCH/check" && fail "a and b differ"; }
    ! grep -v '^=' "$WB_SCRATCH/check" || fail "check said more than ="
    diff -r --no-dereference -x .waybill "$a" "$c" || fail "a and c differ"
}

make_tree
wb topics init -q
for node in a b c; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b,c --direct-below 4MiB --deletes propagate -q
start_stage all run all
wait_until 30 ready

echo "a tree of all kinds of files"
wb put a: -r --wait --timeout 100s
same_everywhere
meta() { stat -c '%a %y' "$1/deep/batch.bin"; }
[ "$(meta "$b")" = "$(meta "$a")" ] || fail "times"
[ "$(stat -c %a "$b/plain.txt")" = 4750 ] || fail "mode"
[ "$(readlink "$b/dangling")" = /nowhere/at/all ] || fail "link"
[ "$(stat -c %b "$b/sparse.img")" -lt 1000 ] || fail "a sparse file grew"
[ -z "$(find "$b/.waybill" "$c/.waybill" -mindepth 1 ! -name marker)" ] ||
    fail "staging is not empty"

echo "strategies"
wb get files a:deep --json >"$WB_SCRATCH/files.json"
strategy() {
    jq -r --arg p "$1" '.files[] | select(.path == $p and .target == "b") | .strategy' \
        "$WB_SCRATCH/files.json"
}
[ "$(strategy deep/batch.bin)" = batch ] || fail "batch: $(strategy deep/batch.bin)"
[ "$(strategy deep/direct.bin)" = direct ] || fail "direct"
[ "$(strategy deep/chunked.iso)" = chunked ] || fail "chunked"
[ "$(strategy deep/film.mp4)" = streaming ] || fail "streaming"

echo "the same tree again copies nothing"
before=$(metric waybill_copied_bytes_total)
wb put a: -r --wait --timeout 60s
[ "$(metric waybill_copied_bytes_total)" = "$before" ] || fail "bytes were copied again"

echo "one changed file copies one file"
printf 'changed\n' >"$a/plain.txt"
wb put a: -r --wait --timeout 60s
wanted=$(awk -v b="$before" 'BEGIN { printf "%.15g", b + 16 }')
copied=$(metric waybill_copied_bytes_total)
[ "$copied" = "$wanted" ] || fail "copied $copied, before $before"
same_everywhere

echo "what the target lost is copied again"
rm "$b/deep/direct.bin"
printf stranger >"$c/deep/direct.bin"
wb put a:deep/direct.bin --wait --timeout 60s
same_everywhere

echo "deletes are propagated, and only where the source lacks the file"
rm "$a/many/7"
wb put a:many/7 --deleted --wait --timeout 60s
if [ -e "$b/many/7" ] || [ -e "$c/many/7" ]; then fail "still there"; fi
wb put a:many/8 --deleted --wait --timeout 60s
[ -e "$b/many/8" ] || fail "deleted what the source holds"
same_everywhere

echo "owner, group and attributes go along where a rule asks, from the very next event on"
wb rule set own --match 'a:own/**' --to b --owner --group --xattrs --sha256 -q
mkdir "$a/own"
printf mine >"$a/own/file"
setfattr -n user.color -v blue "$a/own/file"
[ "$(id -u)" -ne 0 ] || chown 1234:4321 "$a/own/file"
color() { getfattr -n user.color --only-values "$1/own/file" 2>/dev/null || true; }
wb put a:own/file --wait --timeout 60s
[ "$(color "$b")" = blue ] || fail "no attribute"
[ -z "$(color "$c")" ] || fail "an attribute that no rule asked for"
[ "$(stat -c %u:%g "$b/own/file")" = "$(stat -c %u:%g "$a/own/file")" ] || fail "owner"
wb describe file a:own/file --json | grep -q "$(sha256sum <"$a/own/file" | cut -c1-64)" ||
    fail "no sha-256 as evidence"

echo "a claimed digest that the source does not have is corruption at the source"
printf '{"kind":"written","node":"a","path":"plain.txt","digest":"sha256:%064d"}\n' 1 |
    wb put --stdin --wait --timeout 100s 2>"$WB_SCRATCH/err" && fail "a wrong digest was accepted"
grep -q 'source.*sha-256\|sha-256.*source' "$WB_SCRATCH/err" || fail "no reason"

echo "a stranger's record goes to dead, the ones behind it go on"
printf 'garbage' | kcat -P -b "$WB_KAFKA" -t "$WB_PREFIX.events" -p 0 2>/dev/null
printf '{"kind":"written","node":"a","path":"../etc/passwd"}' |
    kcat -P -b "$WB_KAFKA" -t "$WB_PREFIX.events" -p 1 2>/dev/null
printf 'z' >"$a/behind"
wb put a:behind --wait --timeout 60s
dead() {
    kcat -C -b "$WB_KAFKA" -t "$WB_PREFIX.dead" -e -q 2>/dev/null |
        grep -ac -e garbage -e etc/passwd
}
two_dead() { [ "$(dead)" -ge 2 ]; }
wait_until 20 two_dead

echo "a special file is dead with its reason, others are not held up"
mkfifo "$a/pipe"
rc=0
wb put a:pipe --wait 2>"$WB_SCRATCH/err" || rc=$?
[ $rc -eq 3 ] || fail "exit code $rc"
grep -q fifo "$WB_SCRATCH/err" || fail "no reason"
rm "$a/pipe"

echo "local state deleted: the same state comes back from Kafka"
stop_stages all
wb get files --json | jq -S 'del(.as_of)' >"$WB_SCRATCH/state.before"
rm -rf "$state"
start_stage all run all
wait_until 60 ready
wb put a: -r --wait --timeout 60s
copied=$(metric waybill_copied_bytes_total)
[ "${copied:-0}" = 0 ] || fail "copied $copied bytes again"
wb get files --json | jq -S 'del(.as_of)' >"$WB_SCRATCH/state.after"
count() { jq '.files | length' "$1"; }
[ "$(count "$WB_SCRATCH/state.before")" = "$(count "$WB_SCRATCH/state.after")" ] ||
    fail "state differs"
stop_stages all
same_everywhere
