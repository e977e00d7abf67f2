"""Somebody who uses the targets: reads whatever is under a final name, all the time, and tells when
it is partial, another file's, or older than what was there before.

As a program: reader.py ROOT… ; prints a line for each look at everything, one for each wrong."""

import os
import subprocess
import sys
import threading
import time

import content

STAGING = ".waybill"
PACE_SECONDS = 0.02
# Between these looks a file that has not changed is not read again.
THOROUGH_EVERY = 10


class Reader:
    """The reader's process, as the campaign sees it."""

    def __init__(self, roots):
        self.findings = []
        self.looks = self.reads = 0
        self._process = subprocess.Popen([sys.executable, os.path.abspath(__file__), *roots],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         text=True, errors="replace")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        for line in self._process.stdout:
            word, rest = line.rstrip("\n").split(" ", 1)
            if word == "looked":
                self.looks, self.reads = map(int, rest.split())
            else:
                self.findings.append(rest)

    def ended(self):
        return self._process.poll() is not None

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._thread.join()


class Look:
    """What was seen of one root."""

    def __init__(self, root):
        self.root = root
        self.identities = {}
        self.newest = {}
        self.reads = 0

    def all_files(self, thorough):
        for folder, folders, names in os.walk(self.root):
            if folder == self.root and STAGING in folders:
                folders.remove(STAGING)
            for name in names:
                self.file(os.path.join(folder, name), thorough)

    def file(self, path, thorough):
        try:
            with open(path, "rb") as file:
                info = os.fstat(file.fileno())
                identity = (info.st_dev, info.st_ino, info.st_ctime_ns, info.st_size)
                if not thorough and self.identities.get(path) == identity:
                    return
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return
        self.identities[path] = identity
        self.reads += 1
        self.judge(os.path.relpath(path, self.root), data)

    def judge(self, path, data):
        try:
            found = content.parse(data)
        except ValueError as error:
            self.tell(path, error)
            return
        newest = self.newest.get(path, 0)
        if found.path != path:
            self.tell(path, f"the content of {found.path}")
        elif found.version < newest:
            self.tell(path, f"version {found.version} after version {newest}")
        self.newest[path] = max(newest, found.version)

    def tell(self, path, what):
        stamp = time.strftime("%H:%M:%S", time.gmtime())
        print(f"wrong {stamp} {self.root}: {path}: {what}", flush=True)


def main(roots):
    looks = [Look(root) for root in roots]
    count = 0
    while True:
        for look in looks:
            look.all_files(thorough=count % THOROUGH_EVERY == 0)
        count += 1
        print("looked", count, sum(look.reads for look in looks), flush=True)
        time.sleep(PACE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
