"""An honest WebDAV server (RFC 4918) in memory: PUT and MOVE make folders, MOVE replaces, an ETag
stays with its file, conditions hold, PUT with Content-Range writes a range. Basic or bearer."""

import base64
import email.utils
import re
import urllib.parse
from xml.sax.saxutils import escape

import honest
from wire import Reply

ROOT = b"/dav"
USER, PASSWORD = "keeper", "open sesame"
ALLOW = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND"
XML = "application/xml; charset=utf-8"


def href(name, folder):
    return urllib.parse.quote(ROOT + b"/" + name) + ("/" if folder and name else "")


def row(name, item):
    """One response of a multistatus; `item` None is a folder."""
    if item is None:
        props = "<D:resourcetype><D:collection/></D:resourcetype>"
    else:
        date = email.utils.formatdate(item.mtime, usegmt=True)
        props = (f"<D:resourcetype/><D:getcontentlength>{len(item.body)}</D:getcontentlength>"
                 f"<D:getetag>{escape(honest.quoted(item.etag))}</D:getetag>"
                 f"<D:getlastmodified>{date}</D:getlastmodified>")
    return (f"<D:response><D:href>{escape(href(name, item is None))}</D:href><D:propstat><D:prop>"
            f"{props}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>\n")


def multistatus(rows):
    return ('<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n'
            + "".join(rows) + "</D:multistatus>\n").encode()


class Dav:
    name = "dav"

    def __init__(self, store):
        self.store = store

    @staticmethod
    def kind(request):
        kinds = {"HEAD": "look", "GET": "read", "PUT": "put", "MKCOL": "make", "MOVE": "move",
                 "COPY": "copy", "DELETE": "delete", "OPTIONS": "options"}
        if request.method == "PROPFIND":
            return "props" if request.header("depth") == "0" else "list"
        return kinds.get(request.method, "other")

    @staticmethod
    def name_of(path):
        """The name below the root, None outside."""
        if path != ROOT and not path.startswith(ROOT + b"/"):
            return None
        name = path[len(ROOT):].strip(b"/")
        parts = name.split(b"/") if name else []
        return None if any(part in (b"", b".", b"..") for part in parts) else name

    def put_item(self, name, body, mtime=None):
        etag = f"{self.store.next_serial():x}-{len(body):x}"
        with self.store.lock:
            self._add_folders(name)
            self.store.keep(name, honest.Item(bytes(body), etag, mtime or honest.now(), {}))

    def _add_folders(self, name):
        while b"/" in name:
            name = name.rpartition(b"/")[0]
            self.store.folders.add(name)

    def handle(self, request, body):
        known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.header("authorization") != known:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="liar"'})
        name = self.name_of(request.path)
        if name is None:
            return Reply(404)
        method = getattr(self, "_" + request.method.lower(), None)
        if not method:
            return Reply(405, {"Allow": ALLOW})
        with self.store.lock:
            return method(request, name, body)

    def _options(self, _request, _name, _body):
        return Reply(200, {"DAV": "1", "Allow": ALLOW, "MS-Author-Via": "DAV"})

    def _get(self, request, name, _body):
        item = self.store.items.get(name)
        if item:
            return honest.read(request, item)
        if name not in self.store.folders:
            return Reply(404)
        if not request.path.endswith(b"/"):
            return Reply(301, {"Location": href(name, True)})
        return Reply(403)

    _head = _get

    def _put(self, request, name, body):
        item = self.store.items.get(name)
        status = honest.refused(request, item)
        if status:
            return Reply(status)
        if name in self.store.folders or request.path.endswith(b"/"):
            return Reply(409)
        if request.header("content-range"):
            body = self._with_range(request, item, body)
            if body is None:
                return Reply(400)
        self.put_item(name, body)
        return Reply(204 if item else 201, {"ETag": honest.quoted(self.store.items[name].etag)})

    @staticmethod
    def _with_range(request, item, body):
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", request.header("content-range"))
        if not match or int(match[2]) - int(match[1]) + 1 != len(body):
            return None
        old = item.body if item else b""
        first = int(match[1])
        return old[:first].ljust(first, b"\0") + body + old[first + len(body):]

    def _mkcol(self, _request, name, _body):
        if name in self.store.folders or name in self.store.items:
            return Reply(405, {"Allow": ALLOW})
        if name.rpartition(b"/")[0] not in self.store.folders:
            return Reply(409)
        self.store.folders.add(name)
        return Reply(201)

    def _delete(self, request, name, _body):
        item = self.store.items.get(name)
        if not item and name not in self.store.folders:
            return Reply(404)
        if honest.refused(request, item):
            return Reply(412)
        self.store.items.pop(name, None)
        for each in [key for key in self.store.items if key.startswith(name + b"/")]:
            del self.store.items[each]
        self.store.folders = {key for key in self.store.folders
                              if key != name and not key.startswith(name + b"/")} | {b""}
        return Reply(204)

    def destination(self, request):
        path = urllib.parse.urlsplit(request.header("destination")).path
        return self.name_of(urllib.parse.unquote_to_bytes(path))

    def _move(self, request, name, _body):
        return self._copy(request, name, b"", moves=True)

    def _copy(self, request, name, _body, moves=False):
        item = self.store.items.get(name)
        target = self.destination(request)
        there = self.store.items.get(target)
        if not item:
            return Reply(403 if name in self.store.folders else 404)
        if target is None or target in self.store.folders:
            return Reply(409)
        if honest.refused(request, item) or (there and request.header("overwrite") == "F"):
            return Reply(412)
        self._add_folders(target)
        if moves:
            del self.store.items[name]
            self.store.keep(target, item)
        else:
            self.put_item(target, item.body, item.mtime)
        return Reply(204 if there else 201)

    def _propfind(self, request, name, _body):
        item = self.store.items.get(name)
        depth = request.header("depth", "infinity")
        if not item and name not in self.store.folders:
            return Reply(404)
        if depth not in ("0", "1"):
            return Reply(403, {"Content-Type": XML},
                         b'<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>')
        rows = [row(name, item)]
        if depth == "1" and not item:
            rows += [row(*child) for child in self._children(name)]
        return Reply(207, {"Content-Type": XML}, multistatus(rows))

    def _children(self, name):
        start = name + b"/" if name else b""
        names = [(key, None) for key in self.store.folders] + list(self.store.items.items())
        return [(key, item) for key, item in sorted(names, key=lambda pair: pair[0])
                if key and key.startswith(start) and b"/" not in key[len(start):] and key != name]
