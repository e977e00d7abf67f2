"""A Kafka of three nodes, and its topics as another program reads them."""

import collections
import io
import os
import subprocess
import threading

NODES = (1, 2, 3)

Record = collections.namedtuple("Record", "partition offset key value")


class Kafka:
    """A cluster in a folder of its own, by compose/kafka."""

    def __init__(self, script, folder):
        self.script = script
        self.folder = folder
        self.bootstrap = self._run("start", "--nodes", str(len(NODES))).split()[-1]

    def _run(self, *words):
        done = subprocess.run([self.script, *words, "--dir", self.folder], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"compose/kafka {' '.join(words)}: {done.stdout}")
        return done.stdout

    def kill_node(self, node):
        self._run("kill", str(node))

    def start_node(self, node):
        self._run("start-node", str(node))

    def signal_node(self, node, number):
        with open(os.path.join(self.folder, f"node-{node}", "pid"), encoding="ascii") as file:
            os.kill(int(file.read()), number)

    def stop(self):
        """Nobody needs its data any more."""
        for node in NODES:
            self.kill_node(node)


class Topic:
    """Follows a topic by kcat, committed records only. `each` is called with every Record, in a
    thread of this object; a value of None removes the key."""

    FORMAT = "%p %o %K %S\n%k%s"

    def __init__(self, bootstrap, name, each):
        self.name = name
        self._command = kcat(bootstrap, name, "-u", "-E")
        self._each = each
        self._stopping = False
        self.error = None
        self._process = self._start()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _start(self):
        return subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)

    def _follow(self):
        try:
            for record in records(self._process.stdout):
                self._each(record)
            if not self._stopping:
                self.error = f"kcat of '{self.name}' ended by itself"
        except Exception as error:
            self.error = f"topic '{self.name}': {error!r}"

    def stop(self):
        self._stopping = True
        self._process.kill()
        self._process.wait()
        self._thread.join()


def read_all(bootstrap, name):
    """What a topic holds now, committed records only."""
    done = subprocess.run(kcat(bootstrap, name, "-e"), check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return list(records(io.BytesIO(done.stdout)))


def kcat(bootstrap, topic, *words):
    return ["kcat", "-C", "-q", "-b", bootstrap, "-t", topic, "-o", "beginning", *words,
            "-X", "isolation.level=read_committed", "-X", "reconnect.backoff.max.ms=1000",
            "-X", "fetch.wait.max.ms=50", "-f", Topic.FORMAT]


def records(stream):
    while head := stream.readline():
        partition, offset, key_bytes, value_bytes = map(int, head.split())
        key = stream.read(key_bytes) if key_bytes > 0 else b""
        value = stream.read(value_bytes) if value_bytes >= 0 else None
        yield Record(partition, offset, key, value)
