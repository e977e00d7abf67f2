"""Contents that prove themselves: each says whose it is, which version, and what its bytes are."""

import collections
import hashlib

MAGIC = b"waybill-nemesis"

Content = collections.namedtuple("Content", "path version")


def make(path, version, body):
    head = f"{path} {version} {len(body)} {hashlib.sha256(body).hexdigest()}\n"
    return MAGIC + b" " + head.encode() + body


def sha256(data):
    return hashlib.sha256(data).digest()


def parse(data):
    """The Content, or ValueError with what is wrong."""
    head, newline, body = data.partition(b"\n")
    words = head.split(b" ")
    if not newline or words[0] != MAGIC or len(words) != 5:
        raise ValueError(f"{len(data)} bytes that nobody wrote: {data[:60]!r}")
    path, version, size, digest = (word.decode() for word in words[1:])
    if len(body) != int(size):
        raise ValueError(f"{len(body)} of {size} bytes of version {version} of {path}")
    if hashlib.sha256(body).hexdigest() != digest:
        raise ValueError(f"wrong bytes in version {version} of {path}")
    return Content(path, int(version))
