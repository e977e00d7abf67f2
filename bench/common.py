"""What the benches of the whole ring have in common: a Kafka, nodes a and b and the stages."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PREFIX = "bench"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Ring:
    """Kafka, one process with all stages, and nodes a and b, in a folder of their own."""

    def __init__(self, binary):
        self.binary = binary
        self.work = tempfile.mkdtemp(prefix="waybill-bench.")
        self.stages = {}
        self.brokers = ""
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("WAYBILL_")}
        self.env["XDG_CONFIG_HOME"] = self.path("config")

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def kafka(self, verb):
        done = subprocess.run([f"{REPO}/compose/kafka", verb, "--dir", self.path("kafka")],
                              check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.split()[-1] if done.stdout.split() else ""

    def command(self, *words):
        return [self.binary, "-b", self.brokers, "--prefix", PREFIX, "--state-dir",
                self.path("state"), *words]

    def waybill(self, *words):
        subprocess.run(self.command("-q", *words), check=True, env=self.env,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def start(self, stages):
        """`stages`: each a process of its own."""
        self.brokers = self.kafka("start")
        for node in ("a", "b", "r"):
            os.mkdir(self.path(node))
        self.waybill("topics", "init")
        for node in ("a", "b"):
            self.waybill("node", "add", node, "file://" + self.path(node))
        self.waybill("rule", "set", "all", "--match", "a:**", "--to", "b")
        with open(self.path("ring.log"), "wb") as log:
            self.stages = {stage: subprocess.Popen(self.command("run", stage), env=self.env,
                                                   stdout=log, stderr=log,
                                                   stdin=subprocess.DEVNULL) for stage in stages}
        write_random(self.path("a", "warm"), 100_000)
        self.put("warm")

    def put(self, path):
        begin = time.monotonic()
        self.waybill("--timeout", "30m", "put", "a:" + path, "-r", "--wait")
        return time.monotonic() - begin

    def stop(self):
        for process in self.stages.values():
            process.terminate()
        for process in self.stages.values():
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
        if os.path.exists(self.path("kafka", "ports")):
            self.kafka("stop")
        shutil.rmtree(self.work, ignore_errors=True)


def write_random(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        while size > 0:
            file.write(os.urandom(min(size, 1 << 22)))
            size -= 1 << 22


def at(share, values):
    return values[min(len(values) - 1, int(share * len(values)))]


def in_ring(tools, measure, stages=("all",)):
    """Gives what `measure(ring)` returned, with the ring stopped and removed whatever happens."""
    binary = os.environ.get("WB_BIN", f"{REPO}/build/release/waybill")
    for tool in tools:
        if not shutil.which(tool):
            raise SystemExit(f"bench: {tool} is not there; run compose/deps test")
    if not os.access(binary, os.X_OK):
        raise SystemExit(f"bench: '{binary}' is not built; run cmake --preset release && "
                         "cmake --build --preset release")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    ring = Ring(os.path.abspath(binary))
    try:
        ring.start(stages)
        return measure(ring)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        ring.stop()
