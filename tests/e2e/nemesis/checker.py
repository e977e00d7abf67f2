"""Judges by files and topics alone. What must come true after the faults is polled for; what must
always hold is looked at once."""

import collections
import os
import threading

import content
from avro import Schema
from kafka import Topic, read_all
from reader import STAGING
from ring import SOURCE, TARGETS
from upstream import PIPE

MARKER = "marker"
ENDED_WELL = ("verified", "superseded", "deleted")
STAGED = ("copied", "opened")


class Log:
    """The topics as an outsider sees them, brought up to date all the time."""

    def __init__(self, bootstrap, prefix, schemas):
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.event_ids = set()
        self.newest_event = {}   # (path, partition) -> offset of the newest event
        self.replicas = {}       # (target, path) -> Replica
        self.jobs = {}           # (target, path) -> Job
        self.instances = set()   # (target, instance) that a transfer worker reported
        self.stuck = set()       # those that it could not remove when it was told to
        self._lock = threading.Lock()
        self._schemas = {name: Schema(os.path.join(schemas, f"{name}.avsc"))
                         for name in ("file_event", "replica", "job", "dead_letter", "transfer")}
        self._topics = [Topic(bootstrap, f"{prefix}.{name}", self._locked(take))
                        for name, take in (("events", self._event), ("replicas", self._replica),
                                           ("jobs", self._job), ("transfers", self._transfer))]

    def _locked(self, take):
        def each(record):
            with self._lock:
                take(record)
        return each

    def _event(self, record):
        event = self._schemas["file_event"].decode(record.value)
        if event["node"] != SOURCE:
            return
        place = (event["path"].decode(), record.partition)
        self.event_ids.add(event["id"])
        self.newest_event[place] = max(record.offset, self.newest_event.get(place, -1))

    def _replica(self, record):
        self._keep(self.replicas, "replica", record)

    def _job(self, record):
        self._keep(self.jobs, "job", record)

    def _keep(self, table, schema, record):
        target, file = record.key.decode().split("/", 1)
        key = (target, file.partition(":")[2])
        if record.value is None:
            table.pop(key, None)
        else:
            table[key] = {**self._schemas[schema].decode(record.value),
                          "at partition": record.partition}

    def _transfer(self, record):
        report = self._schemas["transfer"].decode(record.value)
        for result in report["results"]:
            place = (report["target"], result["instance"])
            if result["outcome"] in STAGED:
                self.instances.add(place)
            elif report["op"] == "discard" and result["outcome"] == "failed":
                self.stuck.add(place)

    def dead(self):
        return [self._schemas["dead_letter"].decode(record.value)
                for record in read_all(self.bootstrap, f"{self.prefix}.dead")]

    def errors(self):
        return [topic.error for topic in self._topics if topic.error]

    def look(self, judge):
        """What `judge` finds in a moment in which nothing changes."""
        with self._lock:
            return list(judge(self))

    def stop(self):
        for topic in self._topics:
            topic.stop()


class Checker:
    def __init__(self, ring, log, upstream):
        self.ring = ring
        self.log = log
        self.upstream = upstream
        self.dead_before = 0

    # ---- what comes true

    def missing(self):
        """What is not as it is to be, of the first kind that has any; nothing: all is well."""
        for judge in (self._unheard, self._not_covered, self._in_flight):
            if found := self.log.look(judge):
                return found
        for judge in (self._trees, self._replicas, self._staging):
            if found := list(judge()):
                return found
        return []

    def _unheard(self, log):
        for lost in self.upstream.acknowledged - log.event_ids:
            yield f"event {lost} was acknowledged and is not in the log"

    def _not_covered(self, log):
        for (path, partition), offset in log.newest_event.items():
            for target in TARGETS:
                replica = log.replicas.get((target, path))
                if not replica:
                    yield f"{target}: no replica record of {path}, event {partition}:{offset}"
                elif replica["at partition"] != partition:
                    yield f"{target}: replica record of {path} in partition " \
                          f"{replica['at partition']}, its event in {partition}"
                elif replica["event_offset"] < offset:
                    yield f"{target}: {path} has ended ({replica['end']}) up to event " \
                          f"{partition}:{replica['event_offset']}, not {offset}"

    def _in_flight(self, log):
        for (target, path), job in log.jobs.items():
            if job["state"] != "dead" or path not in self.upstream.never:
                error = job["error"] or {}
                yield f"{target}: job {job['id']} of {path} is {job['state']}, attempt " \
                      f"{job['attempt']}, due {job['due']}, {error.get('category')} " \
                      f"{error.get('message')}"

    def _trees(self):
        want = self._tree(SOURCE)
        for path, version in self.upstream.present.items():
            if path not in self.upstream.never and version_in(want.get(path)) != version:
                yield f"{SOURCE}: {path} is not version {version}: {shown(want.get(path))}"
        for target in TARGETS:
            have = self._tree(target)
            for path in sorted(want.keys() | have.keys()):
                if want.get(path) != have.get(path):
                    yield f"{target}: {path} is {shown(have.get(path))}, at the source " \
                          f"{shown(want.get(path))}"

    def _tree(self, node):
        root = self.ring.node(node)
        files = {os.path.relpath(path, root): read(path) for path in files_below(root)}
        return {path: data for path, data in files.items() if data is not None}

    def _replicas(self):
        """What the records claim is what is there."""
        for path in self.upstream.present.keys() - self.upstream.never:
            data = read(os.path.join(self.ring.node(SOURCE), path))
            for target in TARGETS:
                replica = self.log.replicas[target, path]
                version = replica["version"] or {}
                if replica["end"] != "verified" or version.get("size") != len(data):
                    yield f"{target}: replica record of {path} says {replica['end']} " \
                          f"{version}, the file has {len(data)} bytes"
                elif replica["sha256"] != content.sha256(data):
                    yield f"{target}: replica record of {path} has another sha-256"

    def _staging(self):
        """An execution that was killed before it reported may leave something, and one whose node
        was away when it was to be removed; nobody else."""
        for target in TARGETS:
            for path in staged(self.ring.node(target)):
                if (target, path) in self.log.instances - self.log.stuck:
                    yield f"{target}: '{path}' was reported, not published, and is still staged"

    # ---- what always holds

    def violations(self):
        yield from self.log.errors()
        yield from self.ring.faults()
        yield from self._dead()

    def _dead(self):
        letters = self.log.dead()
        for letter in letters[self.dead_before:]:
            path = letter["path"].decode(errors="replace")
            if path not in self.upstream.never:
                yield f"dead: {letter['target']}:{path} {letter['topic']} {letter['error']}"
        self.dead_before = len(letters)
        ends = collections.Counter(
            (path, replica["end"]) for (_, path), replica in self.log.replicas.items()
            if replica["end"] not in ENDED_WELL)
        for path, end in ends:
            if path not in self.upstream.never:
                yield f"replica record of {path} says {end}"

    def sweep(self):
        """With the ring idle all that is staged may be removed; gives how much there was."""
        count = 0
        for target in TARGETS:
            root = self.ring.node(target)
            for path in list(staged(root)):
                os.unlink(os.path.join(root, STAGING, path))
                count += 1
        return count


def files_below(root):
    for folder, folders, names in os.walk(root):
        if folder == root and STAGING in folders:
            folders.remove(STAGING)
        for name in names:
            path = os.path.join(folder, name)
            if name != PIPE:
                yield path


def staged(root):
    top = os.path.join(root, STAGING)
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), top)
            if path != MARKER:
                yield path


def read(path):
    """None when it is not there, or not any more."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def version_in(data):
    try:
        return content.parse(data).version if data is not None else None
    except ValueError:
        return None


def shown(data):
    if data is None:
        return "not there"
    try:
        return f"version {content.parse(data).version}"
    except ValueError as error:
        return str(error)
