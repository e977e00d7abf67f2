# shellcheck shell=bash
# What the scripts that run servers share; sourced. `name` is the script's.

# shellcheck disable=SC2154 # of the script
say() { echo "$name: $*" >&2; }
die() { say "$1"; exit "${2:-1}"; }

cache_dir() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/waybill"; }

accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the ephemeral range, where no outgoing connection can take the port while a server is down.
free_ports() {
    python3 - "$1" <<'PY'
import random, socket, sys
try:
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low = int(file.read().split()[0])
except OSError:
    low = 32768
held = []
for port in random.sample(range(10000, low) if low > 11000 else range(20000, 60000), 500):
    if len(held) == int(sys.argv[1]):
        break
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", port))
        held.append(one)
    except OSError:
        one.close()
print(*(one.getsockname()[1] for one in held), sep="\n")
PY
}
