#!/usr/bin/env python3
# timeout: 1500
"""Faults on a real ring: three Kafka nodes, several of each stage, files that change, a nemesis.

A seed is some seconds of one or two faults over a ring that lives on through all seeds. Afterwards
all is healed and the backlog must drain; whether it did is judged from files and topics alone.

usage: nemesis.py [--seed N] [--keep]     a seed alone; --keep leaves the folder with all logs
WB_NEMESIS_SEEDS (20) says how many, WB_SEED which, WB_NEMESIS_WITHOUT=Kind,… what is left out (the
classes of nemesis/faults.py). Without WB_SCRATCH it makes a folder of its own."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "nemesis"))

import faults
from checker import Checker, Log
from kafka import Kafka
from reader import Reader
from ring import STAGES, TARGETS, Ring, Volume
from upstream import Upstream

PREFIX = "nemesis"
MOUNTS = "WB_NEMESIS_MOUNTS"
DRAIN_SECONDS = 120
POLL_SECONDS = 0.25
SHOWN = 15


class Failure(Exception):
    """Something that waybill promises did not hold: the findings."""


class Campaign:
    """Everything that lives through all seeds."""

    def __init__(self, folder, binary):
        self.folder = folder
        self._open = []
        mounts = os.environ.get(MOUNTS) == "yes"
        self.volume = self._opened(Volume(os.path.join(folder, "volume"),
                                          os.path.join(folder, "c"), mounts), "close")
        os.makedirs(os.path.join(folder, "b"))
        self.kafka = self._opened(Kafka(os.path.join(ROOT, "compose", "kafka"),
                                        os.path.join(folder, "kafka")), "stop")
        self.ring = self._opened(Ring(binary, self.kafka.bootstrap, folder, PREFIX), "destroy")
        self.world = faults.World(self.kafka, self.ring, self.volume)
        self.upstream = Upstream(self.ring)

    def _opened(self, part, close):
        self._open.append(getattr(part, close))
        return part

    def begin(self):
        self.ring.set_up()
        for name in STAGES:
            self.ring.start(name)
        self.log = self._opened(Log(self.kafka.bootstrap, PREFIX, os.path.join(ROOT, "schemas")),
                                "stop")
        self.checker = Checker(self.ring, self.log, self.upstream)
        self.reader = self._opened(Reader([self.ring.node(name) for name in TARGETS]), "stop")
        self.upstream.begin("start")
        self.upstream.finish()
        print(f"without faults: drained in {self._drain():.1f} s", flush=True)

    def kinds(self):
        able = []
        unwanted = os.environ.get("WB_NEMESIS_WITHOUT", "").split(",")
        for kind in faults.KINDS:
            why_not = "not wanted" if kind.__name__ in unwanted else kind.possible(self.world)
            if why_not:
                print(f"without {kind.__name__}: {why_not}", flush=True)
            else:
                able.append(kind)
        return able

    def seed(self, seed, kinds):
        nemesis = faults.Nemesis(self.world, kinds, seed)
        try:
            self.upstream.begin(seed)
            nemesis.run()
            self.upstream.finish()
            drained = self._drain()
            self._judge()
        except (Failure, RuntimeError) as failure:
            raise Failure("\n".join([f"seed {seed}: {nemesis}", *nemesis.history, str(failure),
                                     f"alone: tests/e2e/nemesis.py --seed {seed}"])) from failure
        print(f"seed {seed}: {nemesis}; {self.upstream.writes} writes, "
              f"{len(self.upstream.acknowledged)} events and {self.reader.reads} reads by now; "
              f"drained in {drained:.1f} s, {self.checker.sweep()} left staged", flush=True)

    def _drain(self):
        """Until nothing is missing, and the reader has seen it all since."""
        begun = time.monotonic()
        deadline = begun + DRAIN_SECONDS
        self._await(deadline, self.checker.missing)
        drained = time.monotonic() - begun
        looks = self.reader.looks + 2
        self._await(deadline, lambda: [] if self.reader.looks >= looks else ["a reader"])
        return drained

    def _await(self, deadline, missing):
        while left := missing():
            found = self._found()[:SHOWN]
            if found or time.monotonic() > deadline:
                raise Failure("\n".join([*found, "not there:", *left[:SHOWN]]))
            time.sleep(POLL_SECONDS)

    def _found(self):
        ended = ["the reader ended"] if self.reader.ended() else []
        return [*self.world.problems, *self.reader.findings, *self.log.errors(), *ended]

    def _judge(self):
        if found := [*self._found(), *self.checker.violations()]:
            raise Failure("\n".join(found[:SHOWN]))

    def end(self):
        peaks = self.ring.peaks()
        if found := self.ring.stop():
            raise Failure("\n".join(found))
        print(", ".join(f"{stage} {peak // 1024} MiB" for stage, peak in peaks.items()))

    def close(self):
        for close in reversed(self._open):
            close()

    def tell_logs(self):
        for name in STAGES:
            with open(self.ring.log(name), encoding="utf-8", errors="replace") as file:
                lines = [line for line in file if "kafka client" not in line][-SHOWN:]
            print(f"--- {name}", *(line.rstrip()[:400] for line in lines), sep="\n")


def in_own_mounts(arguments):
    """Goes on in a mount namespace of its own, where that is allowed: what is mounted there is
    seen by nobody else and goes with the last process."""
    ways = [["--mount"], ["--user", "--map-root-user", "--mount"]]
    for way in ways:
        words = ["unshare", *way, "--propagation", "private"]
        tried = subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL)
        if tried.returncode == 0:
            os.environ[MOUNTS] = "yes"
            os.execvp(words[0], [*words, sys.executable, os.path.abspath(__file__), *arguments])
    os.environ[MOUNTS] = "no"


def parse(arguments):
    parser = argparse.ArgumentParser(description="Faults on a real ring.")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs")
    return parser.parse_args(arguments)


def seeds_of(options):
    if options.seed is not None:
        return [options.seed]
    first = 1000 * int(os.environ.get("WB_SEED", "1"))
    return range(first, first + int(os.environ.get("WB_NEMESIS_SEEDS", "20")))


def run(folder, seeds):
    """The exit code."""
    binary = os.environ.get("WB_BIN", os.path.join(ROOT, "build", "release", "waybill"))
    campaign = Campaign(folder, binary)
    try:
        campaign.begin()
        kinds = campaign.kinds()
        for seed in seeds:
            campaign.seed(seed, kinds)
        campaign.end()
    except Failure as failure:
        campaign.tell_logs()
        print(f"FAIL: {failure}")
        return 1
    finally:
        campaign.close()
    return 0


def main(arguments):
    options = parse(arguments)
    if MOUNTS not in os.environ:
        in_own_mounts(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = os.environ.get("WB_SCRATCH") or tempfile.mkdtemp(prefix="waybill-nemesis.")
    try:
        return run(folder, seeds_of(options))
    finally:
        if options.keep:
            print(f"kept: {folder}")
        elif "WB_SCRATCH" not in os.environ:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
