#!/usr/bin/env python3
"""A server that lies when it is told to: WebDAV and S3 over one store each, in memory.

It is steered by lines on its standard input, each answered by one line (`table`: by many and a
dot), and ends with it. Names are in hex.

  ports                       dav=N s3=N foreign=N
  table                       NAME|KINDS|CLASSES|FLAGS of each lie
  reset                       empty and honest again
  put PROTOCOL NAME FILE      a file that is just there, with the bytes of FILE
  drop PROTOCOL NAME
  peek PROTOCOL NAME          `absent`, or SIZE SHA256
  names PROTOCOL              all names there are
  uploads                     how many multipart uploads are open
  mark                        requests are counted from here
  trace                       the kinds of all requests since
  arm LIE FIRST TIMES         the lie is told from the request number FIRST on (of those that it
                              makes sense for), TIMES times; 0: always
  disarm                      how often it was told
  foreign                     REQUESTS WRITES SECRETS that strangers were sent
"""

import argparse
import base64
import hashlib
import os
import socket
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import dav
import honest
import lies
import listings
import names
import redirects
import s3
from turn import Turn
from wire import Connection, Gone, Reply

assert lies and listings and redirects  # they fill the table
SECRETS = [word.encode() for word in (
    dav.PASSWORD, s3.SECRET, s3.TOKEN, s3.KEY, "authorization", "cookie",
    base64.b64encode(f"{dav.USER}:{dav.PASSWORD}".encode()).decode())]


def listen(host, port=0):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(128)
    return sock


def accept(sock, serve):
    while True:
        connection, _ = sock.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def part_in_peace(sock):
    """What the peer still sends is read, so that it gets our last words and no reset."""
    try:
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(2)
        while sock.recv(65536):
            pass
    except OSError:
        pass


class Server:
    """One protocol at one port."""

    def __init__(self, liar, protocol):
        self.liar, self.protocol = liar, protocol
        self.socket = listen("127.0.0.1")
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=accept, args=(self.socket, self._serve), daemon=True).start()

    def _serve(self, sock):
        connection = Connection(sock)
        try:
            while True:
                turn = Turn(self, connection, connection.read_request())
                self.liar.answer(turn)
                turn.body()
                if turn.request.header("connection").lower() == "close":
                    break
        except Gone:
            pass
        finally:
            part_in_peace(sock)
            sock.close()


class Foreign:
    """Where redirects lead: gives anybody what the honest store has, and keeps what it was sent."""

    def __init__(self, liar):
        self.liar = liar
        self.requests = self.writes = self.secrets = 0

    def serve(self, sock):
        connection = Connection(sock)
        try:
            while True:
                request = connection.read_request()
                body = connection.read_body(request)
                self._note(request, body)
                connection.reply(self._reply(request))
        except Gone:
            pass
        finally:
            part_in_peace(sock)
            sock.close()

    def _note(self, request, body):
        text = "\n".join([request.target, *map(": ".join, request.headers.items())])
        text = (text.encode("latin-1") + b"\n" + body[:65536]).lower()
        self.requests += 1
        self.writes += request.method not in ("GET", "HEAD", "OPTIONS", "PROPFIND")
        self.secrets += any(word.lower() in text for word in SECRETS)

    def _reply(self, request):
        for server in self.liar.servers.values():
            name = server.protocol.name_of(request.path)
            item = server.protocol.store.items.get(name)
            if item and request.method in ("GET", "HEAD"):
                reply = honest.read(request, item)
                reply.head_only = request.method == "HEAD"
                return reply
        return Reply(200 if request.method not in ("GET", "HEAD") else 404)


class Liar:
    def __init__(self):
        self.lock = threading.Lock()
        self.servers = {protocol.name: Server(self, protocol(honest.Store()))
                        for protocol in (dav.Dav, s3.S3)}
        self.foreign = Foreign(self)
        port = listen("127.0.0.1")
        self.foreign_port = port.getsockname()[1]
        strangers = [port] + [listen("127.0.0.2", each.port) for each in self.servers.values()]
        for sock in strangers:
            threading.Thread(target=accept, args=(sock, self.foreign.serve), daemon=True).start()
        self._honest_again()

    def _honest_again(self):
        self.row, self.first, self.times, self.told = None, 0, 0, 0
        self.trace = []

    def answer(self, turn):
        with self.lock:
            number = len(self.trace)
            self.trace.append(turn.kind)
            row = self.row
            lies_now = (row and number >= self.first and row.concerns(turn.kind)
                        and (not self.times or self.told < self.times))
            self.told += bool(lies_now)
        if lies_now:
            row.answer(turn)
        else:
            turn.answer()

    # The lines

    def do_ports(self):
        ports = {name: server.port for name, server in self.servers.items()}
        return " ".join(f"{name}={port}" for name, port in
                        {**ports, "foreign": self.foreign_port}.items())

    @staticmethod
    def do_table():
        rows = [f"{name}|{' '.join(row.kinds)}|{row.classes}|{' '.join(row.flags)}"
                for name, row in names.TABLE.items()]
        return "\n".join([*rows, "."])

    def do_reset(self):
        with self.lock:
            self._honest_again()
        self.foreign.requests = self.foreign.writes = self.foreign.secrets = 0
        for server in self.servers.values():
            server.protocol.store.clear()
        return "ok"

    def do_put(self, protocol, name, path):
        with open(path, "rb") as stream:
            self.servers[protocol].protocol.put_item(bytes.fromhex(name), stream.read())
        return "ok"

    def do_drop(self, protocol, name):
        self.servers[protocol].protocol.store.items.pop(bytes.fromhex(name), None)
        return "ok"

    def do_peek(self, protocol, name):
        item = self.servers[protocol].protocol.store.items.get(bytes.fromhex(name))
        return f"{len(item.body)} {hashlib.sha256(item.body).hexdigest()}" if item else "absent"

    def do_names(self, protocol):
        return " ".join(sorted(name.hex() for name in self.servers[protocol].protocol.store.items))

    def do_uploads(self):
        return str(len(self.servers["s3"].protocol.store.uploads))

    def do_mark(self):
        with self.lock:
            self.trace = []
        return "ok"

    def do_trace(self):
        with self.lock:
            return " ".join(self.trace)

    def do_arm(self, name, first, times):
        with self.lock:
            self.row, self.first, self.times = names.TABLE[name], int(first), int(times)
            self.told, self.trace = 0, []
        return "ok"

    def do_disarm(self):
        with self.lock:
            self.row = None
            return str(self.told)

    def do_foreign(self):
        return f"{self.foreign.requests} {self.foreign.writes} {self.foreign.secrets}"

    def obey(self, lines):
        for line in lines:
            word, *arguments = line.split()
            print(getattr(self, "do_" + word)(*arguments), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.parse_args()
    Liar().obey(sys.stdin)
    os._exit(0)


main()
