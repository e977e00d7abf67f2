"""HTTP/1.1 as a server sees it, over a plain socket: whoever lies has every byte in hand."""

import collections
import socket
import struct
import urllib.parse

HEAD_MOST = 1 << 20
BODY_MOST = 1 << 30


class Gone(Exception):
    """The connection is over, by whichever side."""


class Request:
    def __init__(self, method, target, headers):
        self.method, self.target, self.headers = method, target, headers
        path, _, query = target.partition("?")
        self.path = urllib.parse.unquote_to_bytes(path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True,
                                                 encoding="latin-1"))

    def header(self, name, fallback=""):
        return self.headers.get(name, fallback)


class Reply:
    """`framing`: length, chunked or close. A reply to HEAD has a `body` that is not sent."""

    def __init__(self, status, headers=(), body=b"", framing="length"):
        self.status, self.headers = status, collections.OrderedDict(headers)
        self.body, self.framing = body, framing
        self.head_only = False
        self.after = b""

    @property
    def has_body(self):
        return bool(self.body) and not self.head_only

    def head(self):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Odd')}"]
        headers = collections.OrderedDict(self.headers)
        if self.framing == "chunked":
            headers.setdefault("Transfer-Encoding", "chunked")
        elif self.framing == "close":
            headers.setdefault("Connection", "close")
        elif self.status >= 200 and self.status not in (204, 304):
            headers.setdefault("Content-Length", str(len(self.body)))
        for name, value in headers.items():
            for each in value if isinstance(value, list) else [value]:
                lines.append(f"{name}: {each}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def payload(self):
        if self.head_only or self.status in (204, 304):
            return b""
        if self.framing == "chunked":
            return chunk(self.body) + b"0\r\n\r\n"
        return self.body


REASONS = {100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content",
           207: "Multi-Status", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
           412: "Precondition Failed", 416: "Range Not Satisfiable", 503: "Service Unavailable"}


def chunk(data):
    return b"%x\r\n" % len(data) + bytes(data) + b"\r\n" if data else b""


class Connection:
    def __init__(self, sock):
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def _fill(self):
        try:
            data = self.sock.recv(262144)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self._buffer += data

    def _line(self):
        while b"\n" not in self._buffer:
            if len(self._buffer) > HEAD_MOST:
                raise Gone
            self._fill()
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return line.rstrip(b"\r").decode("latin-1")

    def read_request(self):
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > HEAD_MOST:
                raise Gone
            self._fill()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3:
            raise Gone
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return Request(words[0], words[1], headers)

    def read_exactly(self, length):
        """At most `length` bytes of a body, straight into the place where they stay."""
        if length > BODY_MOST:
            raise Gone
        body = bytearray(length)
        have = min(length, len(self._buffer))
        body[:have] = self._buffer[:have]
        del self._buffer[:have]
        view = memoryview(body)
        while have < length:
            try:
                got = self.sock.recv_into(view[have:])
            except OSError as error:
                raise Gone from error
            if not got:
                raise Gone
            have += got
        view.release()
        return bytes(body)

    def read_body(self, request, most=None):
        """The body of a request; with `most` only its beginning, the rest is left unread."""
        if request.header("expect").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" not in request.header("transfer-encoding").lower():
            length = int(request.header("content-length") or 0)
            return self.read_exactly(length if most is None else min(most, length))
        parts, total = [], 0
        while True:
            length = int(self._line().partition(";")[0], 16)
            if length == 0:
                break
            parts.append(self.read_exactly(length))
            total += length
            self._line()
            if most is not None and total >= most:
                break
        while most is None and self._line():
            pass
        return b"".join(parts)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def reply(self, reply):
        payload = reply.payload()
        head = reply.head()
        if len(payload) < 65536:
            self.send(head + payload + reply.after)
        else:
            self.send(head)
            self.send(payload)
            self.send(reply.after)
        if reply.framing == "close":
            self.close()

    def close(self):
        """An orderly end: FIN, what still comes in is not read."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        raise Gone

    def reset(self):
        """RST: what the peer has not read yet is lost as well."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        raise Gone
