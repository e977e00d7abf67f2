"""The nemesis: what it can do, and what it does in one seed. Each fault begins, lasts, and ends
with everything as it was; no two of them in one seed meet at the same place."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time

import kafka
from ring import STAGES

ATTACH_SECONDS = 20


class World:
    """What faults act upon, and what they noticed on the way."""

    def __init__(self, cluster, ring, volume):
        self.kafka = cluster
        self.ring = ring
        self.volume = volume
        self.problems = []
        self.aborted = threading.Event()

    def last(self, seconds):
        """Time is what these faults are made of."""
        self.aborted.wait(seconds)


class Fault:
    """`place` is what it takes for itself. `seconds` is how long it lasts."""

    def __init__(self, world, rng):
        self.world = world
        self.place = self.choose(rng)
        self.seconds = self.choose_seconds(rng)

    @staticmethod
    def possible(world):
        """Why it cannot be done here; None: it can."""
        return None

    def choose(self, rng):
        return rng.choice(STAGES)

    def choose_seconds(self, rng):
        return rng.uniform(2.5, 4.5)

    def begin(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError

    def __str__(self):
        return f"{self.name} {self.place}"


class Kill(Fault):
    """Power cuts, some in a row, the process away for a moment or for longer."""

    name = "kill"

    def choose_seconds(self, rng):
        self.pauses = [rng.uniform(0.3, 1.5) for _ in range(rng.randint(0, 3))]
        return rng.choice([0, rng.uniform(0, 2), 7])

    def begin(self):
        for pause in self.pauses:
            self.world.ring.kill(self.place)
            self.world.ring.start(self.place)
            self.world.last(pause)
        self.world.ring.kill(self.place)

    def end(self):
        self.world.ring.start(self.place)

    def __str__(self):
        return f"kill {self.place}" + ", and again" * len(self.pauses)


class Forget(Kill):
    """A planner that comes back on another machine."""

    name = "lose the state of"

    def choose(self, rng):
        return rng.choice([stage for stage in STAGES if stage.startswith("planner")])

    def end(self):
        self.world.ring.forget(self.place)
        super().end()

    __str__ = Fault.__str__


class Stop(Fault):
    """For longer than the session time-out: the group gives its work to others, then it wakes."""

    name = "stop"

    def choose_seconds(self, rng):
        return rng.uniform(7.5, 8.5)

    def begin(self):
        self.world.ring.signal(self.place, signal.SIGSTOP)

    def end(self):
        self.world.ring.signal(self.place, signal.SIGCONT)


class BrokerFault(Fault):
    """One of three at a time, which is what the topics are made for."""

    def choose(self, rng):
        self.node = rng.choice(kafka.NODES)
        return "broker"

    def __str__(self):
        return f"{self.name} broker {self.node}"


class KillBroker(BrokerFault):
    name = "kill"

    def begin(self):
        self.world.kafka.kill_node(self.node)

    def end(self):
        self.world.kafka.start_node(self.node)


class StopBroker(BrokerFault):
    name = "stop"

    def choose_seconds(self, rng):
        return rng.uniform(6, 8)

    def begin(self):
        self.world.kafka.signal_node(self.node, signal.SIGSTOP)

    def end(self):
        self.world.kafka.signal_node(self.node, signal.SIGCONT)


class VolumeFault(Fault):
    @staticmethod
    def possible(world):
        return None if world.volume.mounts else "no right to mount"

    def choose(self, rng):
        return "node c"


class FullDisk(VolumeFault):
    name = "fill"

    def begin(self):
        self.world.volume.fill()

    def end(self):
        self.world.volume.free()


class Unmount(VolumeFault):
    """The mount point that is left is an empty folder, which must not be taken for the node."""

    name = "unmount"

    def begin(self):
        self.world.volume.unmount()

    def end(self):
        strange = os.listdir(self.world.volume.root)
        if strange:
            self.world.problems.append(f"written to the mount point of node c: {strange}")
            for name in strange:
                shutil.rmtree(os.path.join(self.world.volume.root, name), ignore_errors=True)
        self.world.volume.mount()


class SlowDisk(Fault):
    """Each call that reads, writes or syncs takes its time, for one worker."""

    name = "slow down the disk of"
    CALLS = "pread64,pwrite64,fsync,syncfs,renameat,fallocate"

    @staticmethod
    def possible(world):
        if not shutil.which("strace"):
            return "no strace"
        tried = subprocess.run(["strace", "-o", os.devnull, "true"], check=False,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return None if tried.returncode == 0 else "strace may not trace"

    def choose(self, rng):
        self.delay_ms = rng.choice([20, 100, 400])
        return rng.choice([stage for stage in STAGES if not stage.startswith("planner")])

    def begin(self):
        pid = self.world.ring.pid(self.place)
        self.tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-p", str(pid), "-o", os.devnull, "-e", f"trace={self.CALLS}",
             "-e", f"inject={self.CALLS}:delay_enter={self.delay_ms}ms"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + ATTACH_SECONDS
        while not is_traced(pid):
            if time.monotonic() > deadline or self.tracer.poll() is not None:
                raise RuntimeError(f"strace does not trace {self.place}")
            time.sleep(0.02)

    def end(self):
        self.tracer.terminate()
        self.tracer.wait()

    def __str__(self):
        return f"{super().__str__()} by {self.delay_ms} ms"


class ClockJump(Fault):
    """The clock of one process leaps while it runs, and is put right again."""

    name = "set the clock of"

    def choose(self, rng):
        self.jump = rng.choice([-1, 1]) * rng.choice([rng.randint(2, 20), rng.randint(30, 600)])
        return super().choose(rng)

    def begin(self):
        self.world.ring.set_clock(self.place, self.jump)

    def end(self):
        self.world.ring.set_clock(self.place, 0)

    def __str__(self):
        return f"{super().__str__()} by {self.jump:+d} s"


KINDS = (Kill, Stop, KillBroker, FullDisk, Unmount, ClockJump, SlowDisk, Forget, StopBroker)


def is_traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in file)


class Nemesis:
    """The faults of one seed. Every kind has its turn as the seeds go on; a second is drawn."""

    BEGIN_WITHIN_SECONDS = 1.5

    def __init__(self, world, kinds, seed):
        self.world = world
        self.history = []
        rng = random.Random(f"{seed} faults")
        self.plan = []
        for kind in (KINDS[seed % len(KINDS)], rng.choice(kinds), rng.choice(kinds)):
            fault = (kind if kind in kinds else rng.choice(kinds))(world, rng)
            begin = rng.uniform(0.2, self.BEGIN_WITHIN_SECONDS)
            if len(self.plan) < 1 + (rng.random() < 0.7) and self._free(fault):
                self.plan.append((begin, fault))

    def _free(self, fault):
        return all(other.place != fault.place for _, other in self.plan)

    def run(self):
        """All of them, to their ends."""
        self._began = time.monotonic()
        threads = [threading.Thread(target=self._one, args=planned, daemon=True)
                   for planned in self.plan]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        finally:
            self.world.aborted.set()
            for thread in threads:
                thread.join()
            self.world.aborted.clear()

    def _one(self, begin, fault):
        try:
            self.world.last(begin)
            self._note(fault, "begins")
            fault.begin()
            self.world.last(fault.seconds)
            fault.end()
            self._note(fault, "is over")
        except Exception as error:
            self.world.problems.append(f"{fault}: {error!r}")

    def _note(self, fault, what):
        after = time.monotonic() - self._began
        stamp = time.strftime("%H:%M:%S", time.gmtime())
        self.history.append(f"{stamp} (+{after:.1f} s) {fault}: {what}")

    def __str__(self):
        return ", ".join(str(fault) for _, fault in self.plan)
