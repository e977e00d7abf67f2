"""One request and its answer, honest or not: what a lie has in hand."""

import re
import select
import time

import honest
from wire import Gone, Reply, chunk

# What "endless" means: more than anybody may take in, less than a test can bear.
ENDLESS_BYTES = 192 << 20
PATIENCE_SECONDS = 30
PROPS_SIZE = re.compile(rb"(<D:getcontentlength>|<Size>)(\d+)")
ANY_ETAG = re.compile(rb"(<D:getetag>|<ETag>)([^<]*)")


class Turn:
    def __init__(self, server, connection, request):
        self.server, self.connection, self.request = server, connection, request
        self.protocol, self.store = server.protocol, server.protocol.store
        self.kind = server.protocol.kind(request)
        self.name = server.protocol.name_of(request.path)
        self._body = None

    def body(self):
        if self._body is None:
            self._body = self.connection.read_body(self.request)
        return self._body

    def honest(self, body=None):
        """Does what was asked, with these bytes in place of those that came."""
        came = self.body()
        reply = self.protocol.handle(self.request, came if body is None else body)
        return self._for_head(reply)

    def _for_head(self, reply):
        reply.head_only = self.request.method == "HEAD"
        return reply

    def idle(self, status, headers=(), body=b""):
        """An answer without the effect."""
        self.body()
        return self._for_head(Reply(status, headers, body))

    def send(self, reply):
        self.connection.reply(reply)

    def answer(self):
        self.send(self.honest())

    # Ways to go on badly

    def cut(self, reply, share, reset=False):
        """The head and this share of the body, as if all came; then the end."""
        payload = reply.payload()
        self.connection.send(reply.head() + payload[:int(len(payload) * share)])
        if reset:
            self.connection.reset()
        self.connection.close()

    def hang(self):
        """Says nothing and reads nothing until the peer gives up."""
        poll = select.poll()
        poll.register(self.connection.sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        poll.poll(PATIENCE_SECONDS * 1000)
        raise Gone

    def drip(self, data, pause_seconds):
        """A byte at a time, for as long as the peer takes it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for at in range(len(data)):
            self.connection.send(data[at:at + 1])
            time.sleep(pause_seconds)
            if time.monotonic() > deadline:
                break
        raise Gone

    def flood(self, data):
        """The same again and again until the peer gives up."""
        block = data * (65536 // len(data) + 1)
        for _ in range(ENDLESS_BYTES // len(block)):
            self.connection.send(block)
        self.connection.close()

    def flood_chunks(self, data):
        self.flood(chunk(data * (65536 // len(data))))

    # Edits

    def former_etag(self):
        return self.store.former.get(self.name, "0-former")

    @staticmethod
    def with_etag(reply, text):
        """Another ETag wherever the reply has one; `text` goes out as it is. None: none at all."""
        if "ETag" in reply.headers:
            if text is None:
                del reply.headers["ETag"]
            else:
                reply.headers["ETag"] = text
        escaped = b"" if text is None else text.replace('"', "&quot;").encode("latin-1")
        reply.body = ANY_ETAG.sub(lambda match: match[1] + escaped, reply.body)
        return reply

    def with_size(self, reply, edit):
        """Another size in the answer to a look or in a listing; `edit` makes text of a number."""
        if self.request.method == "HEAD":
            reply.headers["Content-Length"] = edit(len(reply.body))
        else:
            reply.body = PROPS_SIZE.sub(
                lambda match: match[1] + edit(int(match[2])).encode(), reply.body)
        return reply

    def another_item(self):
        """A file that is not the one that is asked for, of the same size where there is one."""
        mine = self.store.items.get(self.name)
        others = [item for name, item in sorted(self.store.items.items()) if name != self.name]
        same = [item for item in others if mine and len(item.body) == len(mine.body)
                and item.body != mine.body]
        return (same or others or [honest.Item(b"nothing", "none", 0, {})])[0]

    def target(self):
        """The final name of a move or copy."""
        return self.protocol.destination(self.request) if self.protocol.name == "dav" else self.name

    def spoil_target(self, edit):
        """After an honest effect: the file under the final name is another one. Same ETag."""
        name = self.target()
        with self.store.lock:
            item = self.store.items.get(name)
            if item:
                self.store.items[name] = item._replace(body=edit(item.body))
