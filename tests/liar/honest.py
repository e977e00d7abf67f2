"""What both kinds of server share: objects in memory, conditions, ranges."""

import collections
import email.utils
import hashlib
import re
import threading
import time

from wire import Reply

# Pages of listings are short, so that a few names make several.
PAGE = 20

Item = collections.namedtuple("Item", "body etag mtime meta")


def quoted(text):
    return '"' + text + '"'


class Store:
    """Names are bytes. A name's item never changes: a write puts another one in its place."""

    def __init__(self):
        self.lock = threading.RLock()
        self.clear()

    def clear(self):
        with self.lock:
            self.items = {}
            self.folders = {b""}
            self.uploads = {}
            self.former = {}
            self.serial = 0

    def keep(self, name, item):
        """Puts an item under a name; the ETag of the one before is kept for who lies with it."""
        with self.lock:
            if name in self.items:
                self.former[name] = self.items[name].etag
            self.items[name] = item

    def next_serial(self):
        with self.lock:
            self.serial += 1
            return self.serial


def etag_matches(condition, item):
    """Of If-Match and If-None-Match: RFC 9110 §13.1; strong comparison will do for both here."""
    if condition == "*":
        return item is not None
    wanted = [word.strip() for word in condition.split(",")]
    return item is not None and quoted(item.etag) in wanted


def refused(request, item, prefix="if-"):
    """412 (or 304) unless the conditions of the request hold for the item."""
    match = request.header(prefix + "match")
    none = request.header(prefix + "none-match")
    if match and not etag_matches(match, item):
        return 412
    if none and etag_matches(none, item):
        return 304 if request.method in ("GET", "HEAD") else 412
    return None


def look_headers(item):
    return {"ETag": quoted(item.etag), "Accept-Ranges": "bytes",
            "Last-Modified": email.utils.formatdate(item.mtime, usegmt=True), **item.meta}


def wanted_range(request, item):
    """(first, last) of a Range header that holds for the item, None for the whole, False for one
    that can't be satisfied."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.header("range"))
    condition = request.header("if-range")
    if not match or not any(match.groups()) or (condition and condition != quoted(item.etag)):
        return None
    first, last = match.groups()
    size = len(item.body)
    if not first:
        return (max(0, size - int(last)), size - 1) if size and int(last) else False
    if int(first) >= size:
        return False
    return int(first), min(int(last), size - 1) if last else size - 1


def read(request, item):
    """GET and HEAD of an item."""
    status = refused(request, item)
    if status:
        return Reply(status, {"ETag": quoted(item.etag)})
    headers = look_headers(item)
    span = wanted_range(request, item) if request.method == "GET" else None
    if span is False:
        return Reply(416, {"Content-Range": f"bytes */{len(item.body)}"})
    if span is None:
        return Reply(200, headers, item.body)
    first, last = span
    headers["Content-Range"] = f"bytes {first}-{last}/{len(item.body)}"
    return Reply(206, headers, item.body[first:last + 1])


def stamp(mtime):
    """A time as listings of S3 have it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(mtime))
    return f"{whole}.{int(mtime % 1 * 1000):03}Z"


def now():
    return time.time()


def md5(data):
    return hashlib.md5(data).hexdigest()
