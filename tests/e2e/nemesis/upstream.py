"""The program upstream: writes, rewrites, deletes and re-creates files of node a, and publishes
events about them, some twice, some out of order, some late. It never lies and never forgets: each
change is published at least once after it was made."""

import json
import os
import random
import threading
import time
import uuid

import content
from ring import SOURCE

SMALL_MOST, MEDIUM_MOST, LARGE_MOST = 40_000, 900_000, 4_000_000
# Names tell a kind or do not: by them it is batch, direct, chunked, streaming, or a probe.
NAMES = {
    **{f"small/{i % 3}/f{i}": SMALL_MOST for i in range(8)},
    "empty.txt": 0,
    "medium.bin": MEDIUM_MOST,
    "deep/er/medium": MEDIUM_MOST,
    "large.iso": LARGE_MOST,
    "large": LARGE_MOST,
    "clip.mp4": LARGE_MOST,
}
PIPE = "pipe"
PACE_SECONDS = (0.05, 0.25)
PUBLISH_SECONDS = 60


class Upstream:
    """Node a's files through all seeds. Of each seed it makes a folder, which it removes in the
    seed that follows, so that deletes of a whole tree meet that one's faults."""

    def __init__(self, ring):
        self.ring = ring
        self.root = ring.node(SOURCE)
        self.spool = ring.node("spool")
        self.version = {}          # of every path ever written, the newest
        self.present = {}          # path -> version, of those that are there
        self.acknowledged = set()  # ids of events that the log has, as the producer was told
        self.never = set()         # paths that cannot be copied, whatever happens
        self.writes = 0
        self.error = None
        self._folder = None
        for folder in (self.root, self.spool):
            os.makedirs(folder)

    # ---- one seed

    def begin(self, seed):
        self.writes = 0
        self._rng = random.Random(f"{seed} writes")
        self._mail = random.Random(f"{seed} publishes")
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._fresh, self._sent, self._late = [], [], []
        self._retired, self._folder = self._folder, f"s{seed}"
        self._threads = [threading.Thread(target=self._guard, args=(work,), daemon=True)
                         for work in (self._write, self._publish)]
        for thread in self._threads:
            thread.start()

    def finish(self):
        """No more changes; every event is in the log when it returns."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.error:
            raise self.error
        self._send(self._fresh + self._late)

    def _guard(self, work):
        try:
            work()
        except Exception as error:
            self.error = error

    # ---- files

    def _write(self):
        for name in NAMES:
            self._change(name, NAMES[name])
        if self._rng.random() < 0.25:
            self._make_pipe()
        for path in [path for path in self.present if path.startswith(f"{self._retired}/")]:
            self._delete(path)
        while not self._stop.wait(self._rng.uniform(*PACE_SECONDS)):
            # Large files are much work for what they show.
            size = self._rng.choice([SMALL_MOST] * 5 + [0, MEDIUM_MOST, LARGE_MOST])
            name = self._rng.choice([name for name in NAMES if NAMES[name] == size])
            path = f"{self._folder}/{name}"
            if path in self.present and self._rng.random() < 0.2:
                self._delete(path)
            else:
                self._change(name, size)

    def _change(self, name, most):
        path = f"{self._folder}/{name}"
        version = self.version.get(path, 0) + 1
        body = self._rng.randbytes(self._rng.randint(most // 2, most))
        data = content.make(path, version, body)
        temporary = os.path.join(self.spool, "new")
        with open(temporary, "wb") as file:
            file.write(data)
        final = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.rename(temporary, final)
        self.version[path] = self.present[path] = version
        self.writes += 1
        self._tell("written", path, os.stat(final))

    def _delete(self, path):
        os.unlink(os.path.join(self.root, path))
        self.present.pop(path)
        self.never.discard(path)
        self._tell("deleted", path)

    def _make_pipe(self):
        path = f"{self._folder}/{PIPE}"
        os.mkfifo(os.path.join(self.root, path))
        self.present[path] = 0
        self.never.add(path)
        self._tell("written", path)

    # ---- events

    def _tell(self, kind, path, info=None):
        event = {"id": str(uuid.UUID(int=self._rng.getrandbits(128))), "kind": kind,
                 "node": SOURCE, "path": path, "time": int(time.time() * 1000)}
        if info and self._rng.random() < 0.7:
            event.update(size=info.st_size, mtime=info.st_mtime_ns)
        with self._lock:
            self._fresh.append(event)

    def _publish(self):
        while not self._stop.is_set():
            with self._lock:
                batch, self._fresh = self._fresh, []
            if batch:
                self._send(self._shape(batch))
            self._stop.wait(self._mail.uniform(0.1, 0.4))

    def _shape(self, batch):
        """As mail arrives: some comes twice, some late, some in another order."""
        rng = self._mail
        now = [event for event in batch if rng.random() >= 0.1]
        self._late += [event for event in batch if event not in now]
        now += [event for event in now if rng.random() < 0.15]
        now += rng.sample(self._sent, min(len(self._sent), rng.choice([0, 0, 1, 3])))
        if self._late and rng.random() < 0.2:
            now.append(self._late.pop(0))
        if rng.random() < 0.3:
            rng.shuffle(now)
        return now

    def _send(self, events):
        """Again and again until the log has them: an error leaves open which of them it has."""
        if not events:
            return
        lines = "".join(json.dumps(event) + "\n" for event in events)
        deadline = time.monotonic() + PUBLISH_SECONDS
        while True:
            code, said = self.ring.call("put", "--stdin", "-q", stdin=lines)
            if code == 0:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"events are not taken, exit code {code}: {said}")
            time.sleep(0.2)
        self.acknowledged.update(event["id"] for event in events)
        self._sent += events
