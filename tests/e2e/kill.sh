#!/usr/bin/env bash
# Stages are killed with SIGKILL at random, again and again, while files go through. Afterwards
# every file is proved, and a reader that hashes the final names has seen no other bytes.
# timeout: 280
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

files=${WB_KILL_FILES:-3000} kills=${WB_KILLS:-25}
RANDOM=${WB_SEED:-1}
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN='' WAYBILL_PLANNER_CHUNK_SIZE=1MiB
export WAYBILL_PLANNER_TASK_DEADLINE=10s WAYBILL_LOG_LEVEL=warn

python3 - "$WB_SCRATCH" "$files" "${WB_SEED:-1}" <<'PY'
import os, random, sys
root, files, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
for node in "abc":
    os.makedirs(f"{root}/{node}", exist_ok=True)
for i in range(files):
    folder = f"{root}/a/{i % 37}"
    os.makedirs(folder, exist_ok=True)
    size = rng.choice([0, 10, 1000, 4096, 40000]) if i % 100 else 3_000_000
    with open(f"{folder}/f{i}", "wb") as out:
        out.write(rng.randbytes(size))
PY

# What must be under each final name is known; anything else, however short, is a broken promise.
cat >"$WB_SCRATCH/reader.py" <<'PY'
import hashlib, os, signal, sys
root = sys.argv[1]
stop = False
def end(*_):
    global stop
    stop = True
signal.signal(signal.SIGTERM, end)
def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).digest()
want = {}
for folder, _, names in os.walk(f"{root}/a"):
    for name in names:
        path = os.path.join(folder, name)
        want[os.path.relpath(path, f"{root}/a")] = digest(path)
print("reading", flush=True)
reads = 0
while not stop:
    for node in "bc":
        for folder, dirs, names in os.walk(f"{root}/{node}"):
            dirs[:] = [d for d in dirs if d != ".waybill"]
            for name in names:
                path = os.path.join(folder, name)
                key = os.path.relpath(path, f"{root}/{node}")
                reads += 1
                if digest(path) != want.get(key):
                    print(f"WRONG {node}:{key}", flush=True)
                    sys.exit(1)
print(f"{reads} reads, all right", flush=True)
PY

wb topics init -q
for node in a b c; do wb node add $node "file://$WB_SCRATCH/$node" -q; done
wb rule set all --match 'a:**' --to b,c --direct-below 2MiB -q

roles=(planner planner transfer transfer transfer verifier verifier)
start_role() { start_stage "s$1" run "${roles[$1]}"; }
for i in "${!roles[@]}"; do start_role "$i"; done

python3 "$WB_SCRATCH/reader.py" "$WB_SCRATCH" >"$WB_SCRATCH/reader.out" 2>&1 &
reader=$!
reading() { grep -q reading "$WB_SCRATCH/reader.out"; }
wait_until 60 reading

wb put a: -r -q
echo "killing $kills times, seed ${WB_SEED:-1}"
for ((n = 0; n < kills; n++)); do
    i=$((RANDOM % ${#roles[@]}))
    # Not a wait for anything: the moment of the kill is what is random here.
    read -r -t "0.$((RANDOM % 60 + 10))" <> <(:) || true
    kill_stage "s$i"
    start_role "$i"
done

echo "after the kills the backlog drains by itself"
wb put a: -r --wait --timeout 120s
kill -TERM $reader
wait $reader || { cat "$WB_SCRATCH/reader.out"; fail "the reader saw wrong bytes"; }
cat "$WB_SCRATCH/reader.out"
wb check a: b: -q
wb check a: c: -q
[ "$(wb get dead --json | jq '.dead | length')" = 0 ] || { wb get dead; fail "dead files"; }
[ "$(wb get jobs --json | jq '.jobs | length')" = 0 ] || { wb get jobs; fail "jobs left"; }
# shellcheck disable=SC2119 # no names: all
stop_stages
