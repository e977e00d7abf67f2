#!/usr/bin/env bash
# Two planners, three transfer workers and two verifiers share the work. Some are stopped and woken
# long after their group gave their work to others, one is killed; the files change all the while. A
# reader checks that no file ever goes back to an older version.
# timeout: 250
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

files=800 pause=${WB_PAUSE:-25}
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN='' WAYBILL_PLANNER_TASK_DEADLINE=10s
export WAYBILL_LOG_LEVEL=warn
mkdir -p "$WB_SCRATCH/a" "$WB_SCRATCH/b"

cat >"$WB_SCRATCH/tree.py" <<'PY'
import os, sys
root, files, version = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(files):
    path = f"{root}/a/f{i}"
    with open(path + ".tmp", "w") as out:
        out.write(f"{version:06d} " + f"{i}." * (i % 3000) + f" {version:06d}")
    os.rename(path + ".tmp", path)
PY

cat >"$WB_SCRATCH/reader.py" <<'PY'
import os, signal, sys
root = sys.argv[1]
stop = False
def end(*_):
    global stop
    stop = True
signal.signal(signal.SIGTERM, end)
print("reading", flush=True)
seen, reads = {}, 0
while not stop:
    for name in os.listdir(f"{root}/b"):
        if name == ".waybill":
            continue
        with open(f"{root}/b/{name}") as file:
            text = file.read()
        reads += 1
        first, last = text[:6], text[-6:]
        if first != last or int(first) < seen.get(name, 0):
            print(f"WRONG {name}: {first}…{last} after {seen.get(name)}", flush=True)
            sys.exit(1)
        seen[name] = int(first)
print(f"{reads} reads, never an older version", flush=True)
PY

tree() { python3 "$WB_SCRATCH/tree.py" "$WB_SCRATCH" $files "$1"; }
tree 1
wb topics init -q
for node in a b; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b -q
for name in planner1 planner2 transfer1 transfer2 transfer3 verifier1 verifier2; do
    start_stage "$name" run "${name%[0-9]}"
done
python3 "$WB_SCRATCH/reader.py" "$WB_SCRATCH" >"$WB_SCRATCH/reader.out" 2>&1 &
reader=$!

echo "all share"
wb put a: -r --wait --timeout 60s -q

echo "stopped in the middle of the work"
tree 2
wb put a: -r -q
for name in planner1 transfer1 verifier1; do pause_stage STOP "$name"; done
kill_stage transfer2
tree 3
SECONDS=0
wb put a: -r --wait --timeout 120s -q
wb check a: b: -q
echo "the others finished after $SECONDS s"

echo "woken when everything has gone on"
tree 4
wb put a: -r -q
over() { [ $SECONDS -ge "$pause" ]; }
wait_until $((pause + 5)) over
for name in planner1 transfer1 verifier1; do pause_stage CONT "$name"; done
tree 5
wb put a: -r --wait --timeout 120s -q
wb check a: b: -q
kill -TERM $reader
wait $reader || { cat "$WB_SCRATCH/reader.out"; fail "an older version came back"; }
cat "$WB_SCRATCH/reader.out"
none_left() { [ "$(wb get jobs --json | jq '.jobs | length')" = 0 ]; }
wait_until 60 none_left
wb check a: b: -q
# shellcheck disable=SC2119 # no names: all
stop_stages
