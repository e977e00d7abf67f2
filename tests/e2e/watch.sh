#!/usr/bin/env bash
# watch: whatever happens to a tree ends up on the other node, over kills and lost kernel events.
# timeout: 200
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

a=$WB_SCRATCH/a b=$WB_SCRATCH/b
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN=''
mkdir -p "$a/old/inner" "$b"
printf one >"$a/old/inner/one"
printf two >"$a/two"

# Limits of the kernel that are lowered here come back whatever happens.
declare -A lowered=()
lower() {
    lowered[$1]=$(cat "$1")
    echo "$2" >"$1"
}
restore() {
    local limit
    for limit in "${!lowered[@]}"; do echo "${lowered[$limit]}" >"$limit"; done
    lowered=()
}
at_end() { restore; }

wb topics init -q
for node in a b; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b --deletes propagate -q
start_stage all run all
start_watch() { start_stage watch watch a: --quiet-time 300ms; }

# Folders are not replicated, files are.
names() {
    (
        cd "$1" || exit
        find . -path ./.waybill -prune -o -type f -print0 | sort -z | xargs -0 -r sha256sum 2>&1
        find . -path ./.waybill -prune -o -type l -printf '%P -> %l\n' | sort
    )
}
same() { [ "$(names "$a")" = "$(names "$b")" ]; }

echo "what is there at the start"
start_watch
wait_until 40 same

echo "written, appended, moved, linked, deleted"
printf three >"$a/three"
mkdir -p "$a/new/deep"
printf four >"$a/new/deep/four"$'\n'"line"
printf five >"$a/new/stray"$'\377'
ln -s three "$a/link"
printf more >>"$a/two"
wait_until 40 same
mv "$a/old" "$a/moved"
rm "$a/three"
wait_until 40 same
mv "$a/moved" "$WB_SCRATCH/outside"
wait_until 40 same
mv "$WB_SCRATCH/outside" "$a/back"
printf six >"$a/back/inner/six"
wait_until 40 same

echo "files and folders that are gone as soon as they came"
for i in {1..300}; do
    printf '%s' "$i" >"$a/new/brief$i"
    mkdir "$a/new/folder$i"
    rmdir "$a/new/folder$i"
    rm "$a/new/brief$i"
done
printf 'last' >"$a/new/last"
wait_until 40 same
kill -0 "${stages[watch]}" || fail "watch ended"

echo "a file that stays open is published when it is left alone"
exec {open}>"$a/new/open"
printf 'not closed' >&"$open"
wait_until 40 same
exec {open}>&-

echo "killed, and the tree changes while nobody looks"
kill_stage watch
printf seven >"$a/seven"
rm "$a/two"
printf changed >"$a/link2"
start_watch
wait_until 40 same

echo "killed in the middle of a burst"
for i in {1..2000}; do
    printf '%s' "$i" >"$a/new/burst$i"
    [ "$i" -ne 700 ] || kill_stage watch
    [ "$i" -ne 1400 ] || start_watch
done
wait_until 60 same

echo "the kernel loses events"
queue=/proc/sys/fs/inotify/max_queued_events
if [ -w $queue ]; then
    stop_stages watch
    lower $queue 16
    start_watch
    grep_scanned() { [ "$(grep -c 'message="scanned"' "$WB_SCRATCH/watch.log")" -ge "$1" ]; }
    wait_until 40 grep_scanned 4
    for i in {1..500}; do printf '%s' "$i" >"$a/new/flood$i"; done
    wait_until 60 same
    restore
fi

echo "the root goes, and comes back as another folder"
mv "$a" "$WB_SCRATCH/away"
wait_until 20 grep -q 'root .* cannot be opened' "$WB_SCRATCH/watch.log"
cp -a "$WB_SCRATCH/away" "$a"
rm "$a/seven"
printf nine >"$a/nine"
wait_until 60 same
printf ten >"$a/ten"
wait_until 40 same

echo "one folder of the node: gone, and there again"
stop_stages watch
mkdir "$a/part"
printf 1 >"$a/part/1"
start_stage part watch a:part --quiet-time 300ms
wait_until 40 same
rm -r "$a/part"
wait_until 40 same
mkdir "$a/part"
printf 2 >"$a/part/2"
wait_until 40 same
stop_stages part
rc=0
wb watch a:nowhere 2>"$WB_SCRATCH/nowhere" || rc=$?
[ $rc -eq 4 ] || fail "exit code $rc"
grep -q 'no folder' "$WB_SCRATCH/nowhere" || fail "no word about the folder"
for once in '' --once; do
    rc=0
    wb watch aa: $once 2>"$WB_SCRATCH/nowhere" || rc=$?
    [[ "$rc $(cat "$WB_SCRATCH/nowhere")" = '4 waybill: unknown node "aa", did you mean "a"'* ]] ||
        fail "exit code $rc: $(cat "$WB_SCRATCH/nowhere")"
done

echo "once: only what changed since"
wb watch a: --once -q
printf eight >"$a/eight"
wb watch a: --once 2>"$WB_SCRATCH/once"
grep -q '^waybill: 1 event published' "$WB_SCRATCH/once" ||
    fail "not one event: $(cat "$WB_SCRATCH/once")"
wait_until 40 same
wb watch a: --once --json >"$WB_SCRATCH/once" 2>/dev/null
jq -se 'map(.type) == ["summary"] and .[0].published == 0' "$WB_SCRATCH/once" >/dev/null ||
    fail "not JSON lines only: $(cat "$WB_SCRATCH/once")"

echo "too many folders for the kernel"
limit=/proc/sys/fs/inotify/max_user_watches
if [ -w $limit ]; then
    lower $limit 2
    rc=0
    wb watch a: 2>"$WB_SCRATCH/limit" || rc=$?
    restore
    [ $rc -eq 8 ] || fail "exit code $rc"
    grep -q max_user_watches "$WB_SCRATCH/limit" || fail "no word about the limit"
fi
stop_stages
