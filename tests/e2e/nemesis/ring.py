"""The ring under test: several processes of each stage, and the nodes they work on."""

import os
import shutil
import struct
import subprocess
import time

STAGES = ("planner1", "planner2", "transfer1", "transfer2", "transfer3", "verifier1", "verifier2")
SOURCE, TARGETS = "a", ("b", "c")
RSS_MOST_KB = 256 * 1024
HANDLES_MOST = 256
STOP_SECONDS = 60
SET_UP_SECONDS = 30

SETTINGS = {
    "WAYBILL_HTTP_LISTEN": "",
    "WAYBILL_LOG_FORMAT": "logfmt",
    "WAYBILL_PLANNER_BATCH_BELOW": "64KiB",
    "WAYBILL_PLANNER_DIRECT_BELOW": "1MiB",
    "WAYBILL_PLANNER_CHUNK_SIZE": "1MiB",
    "WAYBILL_PLANNER_TASK_DEADLINE": "5s",
    "WAYBILL_PLANNER_BACKOFF": "100ms..1s",
    # Faults last seconds here, not minutes; node c is small.
    "WAYBILL_PLANNER_PROBE_INTERVAL": "1s",
    "WAYBILL_PLANNER_SICK_HOLD": "1s..5s",
    "WAYBILL_PLANNER_MIN_FREE": "8MiB",
    "WAYBILL_TRANSFER_MEMORY": "32MiB",
    "WAYBILL_VERIFIER_MEMORY": "32MiB",
}


class Volume:
    """Where node c lives: a small tmpfs, bound to the node's root so that it can be taken away and
    brought back with what it holds. Without the right to mount it is an ordinary folder."""

    BYTES = 64 * 1024 * 1024

    def __init__(self, folder, root, mounts):
        self.folder = folder
        self.root = root
        self.mounts = mounts
        os.makedirs(root)
        if mounts:
            os.makedirs(folder)
            run("mount", "-t", "tmpfs", "-o", f"size={self.BYTES}", "tmpfs", folder)
            os.mkdir(os.path.join(folder, "root"))
            self.mount()

    def mount(self):
        run("mount", "--bind", os.path.join(self.folder, "root"), self.root)

    def unmount(self):
        """At once, however busy it is: the empty mount point is what is seen from now on."""
        run("umount", "--lazy", self.root)

    def fill(self):
        with open(os.path.join(self.folder, "filler"), "ab") as file:
            piece = self.BYTES
            while piece >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), piece)
                except OSError:
                    piece //= 2

    def free(self):
        os.unlink(os.path.join(self.folder, "filler"))

    def close(self):
        if self.mounts:
            run("umount", "--lazy", self.root)
            run("umount", "--lazy", self.folder)


class Ring:
    """The processes. Each has state and a clock of its own."""

    def __init__(self, binary, bootstrap, folder, prefix):
        self.folder = folder
        self.prefix = prefix
        self.clock = os.path.join(os.path.dirname(binary), "tests", "e2e", "nemesis", "clock.so")
        self._words = [binary, "-b", bootstrap, "--prefix", prefix]
        self._processes = {}

    # ---- the command line

    def call(self, *words, stdin=None):
        """The exit code of a command and what it said."""
        done = subprocess.run([*self._words, *words], check=False, text=True, input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL,
                              env=self._environment("cli"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def demand(self, *words):
        """Not every broker has heard of a new topic yet."""
        deadline = time.monotonic() + SET_UP_SECONDS
        while (done := self.call(*words))[0] != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"waybill {' '.join(words)}: exit code {done[0]}: {done[1]}")
            time.sleep(0.2)

    def set_up(self):
        self.demand("topics", "init", "--partitions", "6", "--replication", "3", "-q")
        for node in (SOURCE, *TARGETS):
            self.demand("node", "add", node, "file://" + self.node(node), "-q")
        self.demand("rule", "set", "all", "--match", f"{SOURCE}:**", "--to", ",".join(TARGETS),
                    "--deletes", "propagate", "--sha256", "-q")

    # ---- folders

    def node(self, name):
        return os.path.join(self.folder, name)

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def state(self, name):
        return os.path.join(self.folder, "state", name)

    def forget(self, name):
        """What a process kept on its disk is lost."""
        shutil.rmtree(self.state(name), ignore_errors=True)

    # ---- processes

    def _environment(self, name):
        return {**os.environ, **SETTINGS, "WAYBILL_STATE_DIR": self.state(name)}

    def set_clock(self, name, seconds):
        """How far the wall clock of a process is off; see clock.c."""
        path = os.path.join(self.folder, f"clock-{name}")
        with open(path, "r+b" if os.path.exists(path) else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds * 1_000_000_000))
        return path

    def start(self, name):
        environment = {**self._environment(name), "LD_PRELOAD": self.clock,
                       "WB_CLOCK_FILE": self.set_clock(name, 0)}
        words = [*self._words, "-X", "session.timeout.ms=6000", "run", name[:-1]]
        with open(self.log(name), "ab") as log:
            self._processes[name] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log,
                                                     stderr=log, env=environment)

    def pid(self, name):
        return self._processes[name].pid

    def signal(self, name, number):
        self._processes[name].send_signal(number)

    def kill(self, name):
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def faults(self):
        """Processes that ended by themselves, or hold more than they may."""
        for name, process in sorted(self._processes.items()):
            if process.poll() is not None:
                yield f"{name} ended by itself with {process.returncode}"
                continue
            if (most := peak_kb(process.pid)) > RSS_MOST_KB:
                yield f"{name} grew to {most} KiB"
            if (count := len(os.listdir(f"/proc/{process.pid}/fd"))) > HANDLES_MOST:
                yield f"{name} holds {count} open files"

    def peaks(self):
        """The most memory that each kind of stage ever had, KiB."""
        most = {}
        for name, process in self._processes.items():
            most[name[:-1]] = max(most.get(name[:-1], 0), peak_kb(process.pid))
        return most

    def stop(self):
        """All of them, in order; what did not end well is returned."""
        for process in self._processes.values():
            process.terminate()
        return [fault for name, process in self._processes.items()
                if (fault := self._await_end(name, process))]

    @staticmethod
    def _await_end(name, process):
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return f"{name} did not stop in {STOP_SECONDS} s"
        return f"{name} ended with {code}" if code else None

    def destroy(self):
        for name in list(self._processes):
            self.kill(name)


def peak_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
