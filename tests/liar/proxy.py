#!/usr/bin/env python3
"""A TCP proxy that breaks what goes through it, steered by lines on its standard input, each
answered by one line; it ends with it.

  to PORT                       where connections go from here on (127.0.0.1)
  port                          where it listens
  arm FAULT up|down AT TIMES    up is to the server. When AT bytes went that way since then, over
                                all connections: `cut` ends both sides in order, `reset` does not,
                                `stall` forwards nothing more that way on this connection, `flip`
                                turns a bit of the byte behind them. Then again after as many more
                                bytes, TIMES times in all; 0: without end
  slow BYTES                    a second, each way of each connection; 0: as fast as it goes
  disarm                        how often it happened
  mark                          bytes are counted from here
  count                         UP DOWN
"""

import os
import select
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
PIECE_BYTES = 262144
SLOW_STEPS = 20


class Broken(Exception):
    """The connection is to end now; the argument says how."""


class Pipe:
    """One connection: two sockets, a thread for each way."""

    def __init__(self, proxy, near):
        self.proxy = proxy
        self.far = socket.create_connection(("127.0.0.1", proxy.to))
        self.near = near
        for sock in (self.near, self.far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lock = threading.Lock()
        self.open = 2

    def run(self):
        threading.Thread(target=self._pump, args=("down", self.far, self.near),
                         daemon=True).start()
        self._pump("up", self.near, self.far)

    def _pump(self, way, source, sink):
        try:
            while True:
                data = source.recv(self.proxy.piece())
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    break
                self._forward(way, data, sink)
        except Broken as how:
            self._end(how.args[0] == "reset")
        except OSError:
            self._end(False)
        with self.lock:
            self.open -= 1
            if self.open == 0:
                self.near.close()
                self.far.close()

    def _forward(self, way, data, sink):
        for piece, fault in self.proxy.pieces(way, data):
            sink.sendall(piece)
            self.proxy.pause(len(piece))
            if fault == "stall":
                self._wait_for_end()
            if fault:
                raise Broken(fault)

    def _wait_for_end(self):
        poll = select.poll()
        for sock in (self.near, self.far):
            poll.register(sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        poll.poll(30000)

    def _end(self, is_reset):
        for sock in (self.near, self.far):
            try:
                if is_reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    # Whoever waits in recv has to come out before the socket can go.
                    sock.shutdown(socket.SHUT_RD)
                else:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    def __init__(self):
        self.lock = threading.Lock()
        self.to = 0
        self.fault = self.way = None
        self.at = self.left = self.times = self.told = self.slow = 0
        self.counts = {"up": 0, "down": 0}
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self.socket.accept()
            try:
                pipe = Pipe(self, near)
            except OSError:
                near.close()
                continue
            threading.Thread(target=pipe.run, daemon=True).start()

    def piece(self):
        return max(1, self.slow // SLOW_STEPS) if self.slow else PIECE_BYTES

    def pause(self, size):
        if self.slow:
            time.sleep(size / self.slow)

    def pieces(self, way, data):
        """What is forwarded of the data, each with the fault that comes behind it."""
        with self.lock:
            self.counts[way] += len(data)
            if not self.fault or way != self.way or len(data) <= self.left:
                if self.fault and way == self.way:
                    self.left -= len(data)
                return [(data, None)]
            at, fault = self.left, self.fault
            self.told += 1
            self.left = self.at
            if self.times and self.told >= self.times:
                self.fault = None
        if fault == "flip":
            return [(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], None)]
        return [(data[:at], fault)]

    # The lines

    def do_to(self, port):
        self.to = int(port)
        return "ok"

    def do_port(self):
        return str(self.socket.getsockname()[1])

    def do_arm(self, fault, way, at, times):
        with self.lock:
            self.fault, self.way = fault, way
            self.at = self.left = int(at)
            self.times, self.told = int(times), 0
        return "ok"

    def do_slow(self, rate):
        self.slow = int(rate)
        return "ok"

    def do_disarm(self):
        with self.lock:
            self.fault = None
            return str(self.told)

    def do_mark(self):
        with self.lock:
            self.counts = {"up": 0, "down": 0}
        return "ok"

    def do_count(self):
        with self.lock:
            return f"{self.counts['up']} {self.counts['down']}"

    def obey(self, lines):
        for line in lines:
            word, *arguments = line.split()
            print(getattr(self, "do_" + word)(*arguments), flush=True)


Proxy().obey(sys.stdin)
os._exit(0)
