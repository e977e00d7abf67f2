"""The table of lies. Each is one deviation of a server that is honest otherwise: a function that
takes the turn after the head of a request came, and answers.

A row says on which kinds of request a lie makes sense, which classes of error it may lead to (a
call that succeeds in spite of it, with the right bytes in the right place, is always fine), and:

  slow     it costs the client's stall time-out
  flips    bytes are others but as many: of a source that has no digest nobody can tell
  spoils   the server itself damages what is under final names
  blind    no other answer of the server gives it away: what the call reports can be wrong
  after=   bounds of the time after which to come back, in ms
"""

import email.utils
import functools
import gzip
import time

import listings
from names import (ANY, BODIES, EFFECTS, GONE, LISTS, LOOKS, MOVES, READS, ROWS, UPLOADS, lie)
from wire import Reply, chunk

BROKEN = "invalid"
CUT = "unreachable"
CUT_OR_BROKEN = "invalid unreachable"
# Another length than before is a change, as far as anybody can tell.
OTHER = "changed invalid unreachable"
# Who asks again, since the answer was lost, hears that it is done.
LOST = "conflict invalid unreachable"
# What a look or a digest finds.
WRONG = "changed conflict corrupt invalid io not_found unreachable"

# ---- bodies and their framing


@lie(BODIES, OTHER)
def short_by_length(turn):
    turn.cut(turn.honest(), 0.5)


@lie(BODIES, OTHER)
def short_by_one(turn):
    reply = turn.honest()
    turn.connection.send(reply.head() + reply.payload()[:-1])
    turn.connection.close()


@lie(BODIES, OTHER)
def short_chunked(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    turn.connection.send(reply.head() + chunk(reply.body[:len(reply.body) // 2]))
    turn.connection.close()


@lie(BODIES, OTHER)
def short_in_a_chunk(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    turn.cut(reply, 0.4)


@lie(BODIES, OTHER)
def short_chunked_but_ended(turn):
    reply = turn.honest()
    reply.framing, reply.body = "chunked", reply.body[:-1]
    turn.send(reply)


@lie(BODIES, OTHER)
def short_by_close(turn):
    reply = turn.honest()
    reply.framing, reply.body = "close", reply.body[:len(reply.body) // 2]
    turn.send(reply)


@lie(BODIES, OTHER)
def short_and_length_agrees(turn):
    reply = turn.honest()
    reply.body = reply.body[:-1]
    turn.send(reply)


@lie(BODIES, OTHER)
def long_by_length(turn):
    reply = turn.honest()
    reply.body += b"more"
    turn.send(reply)


@lie(BODIES, OTHER)
def long_past_the_length(turn):
    reply = turn.honest()
    reply.after = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nevil"
    turn.send(reply)


@lie(BODIES, OTHER)
def long_chunked(turn):
    reply = turn.honest()
    reply.framing, reply.body = "chunked", reply.body + b"more"
    turn.send(reply)


@lie(BODIES, OTHER)
def long_by_close(turn):
    reply = turn.honest()
    reply.framing, reply.body = "close", reply.body + b"more"
    turn.send(reply)


@lie(BODIES, OTHER)
def empty_body(turn):
    reply = turn.honest()
    reply.body = b""
    turn.send(reply)


@lie(BODIES, OTHER)
def no_length(turn):
    reply = turn.honest()
    reply.framing = "close"
    turn.send(reply)


@lie(BODIES, OTHER)
def chunked_in_small_pieces(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    body = reply.body[:256]
    pieces = b"".join(chunk(body[at:at + 1]) for at in range(len(body)))
    turn.connection.send(reply.head() + pieces + chunk(reply.body[256:]) + b"0\r\n\r\n")


def with_length(text):
    def answer(turn):
        reply = turn.honest()
        reply.headers["Content-Length"] = text(reply) if callable(text) else text
        turn.connection.send(reply.head() + reply.payload())
        turn.connection.close()
    return answer


for name, text in (
        ("two_lengths", lambda reply: [str(len(reply.body)), str(len(reply.body) + 1)]),
        ("two_lengths_the_smaller_last",
         lambda reply: [str(len(reply.body)), str(max(0, len(reply.body) - 1))]),
        ("negative_length", "-1"), ("length_of_letters", "many"),
        ("length_with_a_tail", lambda reply: f"{len(reply.body)}abc"),
        ("length_in_hex", lambda reply: hex(len(reply.body))),
        ("length_past_64_bits", "18446744073709551621"), ("empty_length", "")):
    lie(BODIES + LOOKS, OTHER, name=name)(with_length(text))


@lie(BODIES, OTHER)
def length_and_chunked(turn):
    reply = turn.honest()
    reply.framing, reply.headers["Content-Length"] = "chunked", str(len(reply.body) // 2)
    turn.send(reply)


def raw_chunks(text):
    def answer(turn):
        reply = turn.honest()
        reply.framing = "chunked"
        turn.connection.send(reply.head() + text)
        turn.connection.close()
    return answer


for name, text in (("chunk_size_of_letters", b"zz\r\nabc\r\n0\r\n\r\n"),
                   ("chunk_size_past_64_bits", b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
                   ("chunk_size_negative", b"-3\r\nabc\r\n0\r\n\r\n")):
    lie(BODIES, OTHER, name=name)(raw_chunks(text))


@lie(BODIES, OTHER + " limit")
def endless_trailers(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    turn.connection.send(reply.head() + chunk(reply.body) + b"0\r\n")
    turn.flood(b"X-Trailer: " + b"t" * 900 + b"\r\n")


@lie(BODIES, OTHER)
def gzip_unasked(turn):
    reply = turn.honest()
    reply.headers["Content-Encoding"], reply.body = "gzip", gzip.compress(reply.body, 1)
    turn.send(reply)


@lie(BODIES, OTHER)
def gzip_claimed(turn):
    reply = turn.honest()
    reply.headers["Content-Encoding"] = "gzip"
    turn.send(reply)


@functools.cache
def bomb():
    return gzip.compress(bytes(16 << 20), 1)


@lie(BODIES, OTHER + " limit")
def gzip_bomb(turn):
    reply = turn.honest()
    reply.headers["Content-Encoding"], reply.body = "gzip", bomb()
    turn.send(reply)


@lie(LOOKS, OTHER)
def body_after_a_head(turn):
    reply = turn.honest()
    reply.after = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    turn.send(reply)


@lie(BODIES, OTHER + " limit timeout")
def endless_body(turn):
    reply = turn.honest()
    reply.framing = "close"
    turn.connection.send(reply.head() + reply.body)
    turn.flood(b"more ")


@lie(BODIES, OTHER + " limit timeout")
def endless_chunks(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    turn.connection.send(reply.head() + chunk(reply.body))
    turn.flood_chunks(b"more ")


# ---- bytes that are others


def edited(edit):
    def answer(turn):
        reply = turn.honest()
        if reply.status in (200, 206):
            reply.body = edit(turn, reply.body)
        turn.send(reply)
    return answer


def flip(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:] if body else body


for name, edit in (
        ("flip_first", lambda turn, body: flip(body, 0)),
        ("flip_middle", lambda turn, body: flip(body, len(body) // 2)),
        ("flip_last", lambda turn, body: flip(body, len(body) - 1)),
        ("zeros", lambda turn, body: bytes(len(body))),
        ("rotated", lambda turn, body: body[1:] + body[:1]),
        ("body_of_another_file",
         lambda turn, body: turn.another_item().body[:len(body)].ljust(len(body), b"?"))):
    lie(READS, "corrupt changed invalid", "flips", name=name)(edited(edit))

# ---- ranges


@lie(READS, "invalid changed unreachable")
def whole_for_a_range(turn):
    turn.request.headers.pop("range", None)
    turn.answer()


@lie(READS, CUT_OR_BROKEN)
def range_unasked(turn):
    reply = turn.honest()
    reply.status = 206
    reply.headers["Content-Range"] = f"bytes 0-{len(reply.body) - 1}/{len(reply.body)}"
    turn.send(reply)


@lie(READS, "corrupt changed invalid unreachable")
def range_of_another_place(turn):
    first, _, last = turn.request.header("range")[6:].partition("-")
    if last:
        turn.request.headers["range"] = f"bytes={int(first) + 1}-{int(last) + 1}"
    turn.answer()


def with_range(edit):
    def answer(turn):
        reply = turn.honest()
        if "Content-Range" in reply.headers:
            edit(reply)
        turn.send(reply)
    return answer


def set_range(text):
    def edit(reply):
        reply.headers["Content-Range"] = text
    return edit


def other_total(reply):
    place, _, total = reply.headers["Content-Range"].partition("/")
    reply.headers["Content-Range"] = f"{place}/{int(total) + 1}"


def other_unit(reply):
    reply.headers["Content-Range"] = reply.headers["Content-Range"].replace("bytes", "lines")


def shorter_range(reply):
    """As RFC 9110 lets a server answer, but we asked for all of it."""
    place, _, total = reply.headers["Content-Range"].partition("/")
    first, _, last = place.partition("-")
    if int(last) > int(first[6:]):
        reply.body = reply.body[:-1]
        reply.headers["Content-Range"] = f"{first}-{int(last) - 1}/{total}"


def multipart(reply):
    reply.headers["Content-Type"] = "multipart/byteranges; boundary=b"
    reply.body = (b"\r\n--b\r\nContent-Range: " + reply.headers.pop("Content-Range").encode()
                  + b"\r\n\r\n" + reply.body + b"\r\n--b--\r\n")


for name, edit in (("range_without_its_header", lambda reply: reply.headers.pop("Content-Range")),
                   ("range_of_other_total", other_total), ("range_of_other_unit", other_unit),
                   ("range_shorter_than_asked", shorter_range),
                   ("range_in_parts", multipart),
                   ("range_of_letters", set_range("bytes a-b/c")),
                   ("range_reversed", set_range("bytes 9-3/10")),
                   ("range_past_64_bits",
                    set_range("bytes 18446744073709551616-18446744073709551620/9")),
                   ("range_negative", set_range("bytes -5--1/100"))):
    lie(READS, "changed invalid unreachable", name=name)(with_range(edit))


@lie(READS, "invalid changed io unreachable")
def range_not_satisfiable(turn):
    turn.send(turn.idle(416, {"Content-Range": "bytes */0"}))


# ---- statuses, without the effect that was asked for

STATUSES = {
    **dict.fromkeys((200, 201, 202, 203, 204, 205, 206, 207, 226, 299), WRONG),
    **dict.fromkeys((400, 402, 406, 411, 414, 415, 417, 418, 421, 422, 424, 428, 431, 451),
                    "invalid denied unsupported conflict limit io"),
    **dict.fromkeys((401, 403, 407), "denied"),
    **dict.fromkeys((404, 410), "not_found changed unreachable invalid"),
    **dict.fromkeys((429, 503), "throttled"),
    **dict.fromkeys((500, 505, 506, 508, 509, 510, 511, 599), "io unreachable"),
    100: "invalid unreachable timeout", 101: "invalid unreachable timeout",
    300: "invalid unreachable",
    304: "invalid changed", 305: "invalid unreachable", 405: "unsupported read_only",
    408: "timeout", 409: "conflict", 412: "changed conflict", 413: "limit no_space",
    416: "invalid changed", 423: "conflict", 425: "throttled", 501: "unsupported",
    502: "unreachable", 504: "timeout", 507: "no_space", 600: BROKEN, 999: BROKEN}


def idle_status(status):
    return lambda turn: turn.send(turn.idle(status))


for status, classes in STATUSES.items():
    # What is only the beginning of an answer is waited for.
    flags = ("slow",) if status in (100, 101) else ()
    lie(ANY, classes, *flags, name=f"status_{status}")(idle_status(status))


@lie(EFFECTS, "io unreachable")
def done_but_says_500(turn):
    turn.honest()
    turn.send(Reply(500))


@lie(EFFECTS, "not_found changed conflict unreachable")
def done_but_says_404(turn):
    turn.honest()
    turn.send(Reply(404))


@lie(EFFECTS, "changed conflict")
def done_but_says_412(turn):
    turn.honest()
    turn.send(Reply(412))


@lie(EFFECTS, OTHER)
def done_but_says_304(turn):
    turn.honest()
    turn.send(Reply(304))


def raw(data, then="close"):
    def answer(turn):
        turn.body()
        turn.connection.send(data)
        getattr(turn.connection, then)()
    return answer


for name, data in (("status_of_letters", b"HTTP/1.1 OK OK\r\nContent-Length: 0\r\n\r\n"),
                   ("status_000", b"HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n"),
                   ("status_of_four_digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
                   ("status_negative", b"HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n"),
                   ("http_0_9", b"<html>here is your file</html>\n"),
                   ("http_3_7", b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n"),
                   ("http_2_in_clear", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                   ("another_protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
                   ("tls_alert", b"\x15\x03\x01\x00\x02\x02\x28"),
                   ("zero_bytes", bytes(4096)),
                   ("nothing_said", b"")):
    lie(ANY, CUT_OR_BROKEN + " unsupported", name=name)(raw(data))

# ---- heads


def raw_head(edit):
    """The head goes out as `edit` made it, the body as it should."""
    def answer(turn):
        reply = turn.honest()
        turn.connection.send(edit(reply.head()) + reply.payload())
        turn.connection.close()
    return answer


def with_line(line):
    return lambda head: head.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)


for name, edit in (("head_without_colon", with_line(b"just words")),
                   ("head_with_nul", with_line(b"X-Odd: a\0b")),
                   ("head_folded", with_line(b"X-Odd: a\r\n  b\r\n\tc")),
                   ("head_begins_folded", with_line(b" folded")),
                   ("head_with_bare_returns", with_line(b"X-Odd: a\rX-Other: b")),
                   ("head_with_bare_newlines", lambda head: head.replace(b"\r\n", b"\n")),
                   ("head_with_high_bytes", with_line(b"X-Odd: " + bytes(range(128, 256)))),
                   ("head_without_a_name", with_line(b": value")),
                   ("blank_lines_first", lambda head: b"\r\n\r\n" + head),
                   ("no_reason", lambda head: head.replace(b" OK\r\n", b"\r\n", 1)),
                   ("http_1_0", lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
                   ("cookies", with_line(b"Set-Cookie: a=b; Domain=0.0.1; Path=/"))):
    lie(ANY, CUT_OR_BROKEN, name=name)(raw_head(edit))


@lie(ANY, "invalid unreachable limit timeout")
def endless_headers(turn):
    turn.body()
    turn.connection.send(b"HTTP/1.1 200 OK\r\n")
    turn.flood(b"X-More: " + b"m" * 120 + b"\r\n")


@lie(ANY, "invalid unreachable limit timeout io")
def endless_header_line(turn):
    turn.body()
    turn.connection.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    turn.flood(b"l" * 1000)


@lie(ANY, "invalid unreachable limit timeout io")
def endless_status_line(turn):
    turn.body()
    turn.connection.send(b"HTTP/1.1 200 ")
    turn.flood(b"O" * 1000)


@lie(ANY, "invalid unreachable limit timeout")
def endless_interim_replies(turn):
    turn.body()
    turn.flood(b"HTTP/1.1 100 Continue\r\nX-Pad: " + b"p" * 100 + b"\r\n\r\n")


@lie(ANY, CUT_OR_BROKEN)
def interim_reply_unasked(turn):
    turn.connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    turn.answer()


@lie(ANY, "invalid unreachable limit")
def large_head(turn):
    reply = turn.honest()
    for number in range(64):
        reply.headers[f"X-Pad-{number}"] = "p" * 2000
    turn.send(reply)


# ---- what tells one file from another


def etag_says(text):
    return lambda turn: turn.send(turn.with_etag(turn.honest(), text))


TAGGED = LOOKS + READS + UPLOADS + MOVES + ROWS

for name, text in (("etag_missing", None), ("etag_empty", ""), ("etag_of_nothing", '""'),
                   ("etag_weak", 'W/"1-weak"'), ("etag_bare", "1-bare"), ("etag_open", '"1-open'),
                   ("etag_of_2000_bytes", '"' + "e" * 2000 + '"'),
                   ("etag_with_controls", '"1\x01\x1f\x7f"'),
                   ("etag_with_high_bytes", '"1\xfc\xff"'),
                   ("etag_with_quotes", '"1"-"2"'),
                   ("etag_injects_a_header", '"1"\r\nX-Amz-Meta-Waybill-Tag: evil\r\nETag: "2"'),
                   ("etag_injects_a_reply",
                    '"1"\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'),
                   ("etag_of_another_file", '"77-other"')):
    lie(TAGGED, WRONG, name=name)(etag_says(text))


@lie(TAGGED, WRONG)
def etag_stale(turn):
    turn.send(turn.with_etag(turn.honest(), '"' + turn.former_etag() + '"'))


def with_date(text):
    def answer(turn):
        reply = turn.honest()
        if "Last-Modified" in reply.headers:
            reply.headers["Last-Modified"] = text
        reply.body = listings.with_dates(reply.body, text)
        turn.send(reply)
    return answer


for name, text in (("date_of_letters", "yesterday"), ("date_empty", ""),
                   ("date_before_1900", "Mon, 01 Jan 1601 00:00:00 GMT"),
                   ("date_far_ahead", "Fri, 31 Dec 9999 23:59:59 GMT"),
                   ("date_past_all_years", "Fri, 31 Dec 99999999999 23:59:59 GMT"),
                   ("date_of_another_time", "Tue, 02 Jan 2001 03:04:05 GMT"),
                   ("date_of_2000_bytes", "d" * 2000)):
    lie(LOOKS + READS + ROWS, "changed invalid unreachable", name=name)(with_date(text))


def size_says(edit):
    return lambda turn: turn.send(turn.with_size(turn.honest(), edit))


for name, edit in (("size_larger", lambda size: str(size + 1)),
                   ("size_smaller", lambda size: str(max(0, size - 1))),
                   ("size_zero", lambda size: "0"),
                   ("size_negative", lambda size: "-1"),
                   ("size_of_letters", lambda size: "large"),
                   ("size_past_64_bits", lambda size: "9223372036854775808"),
                   ("size_of_an_exabyte", lambda size: str(1 << 60)),
                   ("size_empty", lambda size: "")):
    lie(LOOKS + ROWS, "changed conflict corrupt invalid io unreachable limit no_space", name=name)(
        size_says(edit))


@lie(LOOKS + READS, WRONG)
def meta_of_another_file(turn):
    reply = turn.honest()
    for name in reply.headers:
        if name.lower().startswith("x-amz-meta-"):
            reply.headers[name] = "77"
    turn.send(reply)


@lie(LOOKS + READS, WRONG)
def meta_missing(turn):
    reply = turn.honest()
    for name in [name for name in reply.headers if name.lower().startswith("x-amz-meta-")]:
        del reply.headers[name]
    turn.send(reply)


def with_mtime(text):
    def answer(turn):
        reply = turn.honest()
        if "x-amz-meta-mtime" in reply.headers:
            reply.headers["x-amz-meta-mtime"] = text
        turn.send(reply)
    return answer


for name, text in (("meta_mtime_past_64_bits", "99999999999999999999.5"),
                   ("meta_mtime_of_the_year_9999", "253402300799"),
                   ("meta_mtime_negative", "-9999999999999"), ("meta_mtime_of_letters", "noon"),
                   ("meta_mtime_of_many_digits", "1." + "9" * 500), ("meta_mtime_empty", "")):
    lie(LOOKS + READS, WRONG, name=name)(with_mtime(text))


@lie(LOOKS, WRONG)
def look_at_another_file(turn):
    item = turn.another_item()
    reply = turn.honest()
    turn.send(turn.with_size(turn.with_etag(reply, f'"{item.etag}"'),
                             lambda _: str(len(item.body))))


# ---- success without effect, or with another


@lie(UPLOADS, WRONG)
def put_stores_nothing(turn):
    reply = turn.idle(201 if turn.protocol.name == "dav" else 200)
    reply.headers["ETag"] = '"5-nothing"'
    turn.send(reply)


@lie(UPLOADS, WRONG)
def put_stores_half(turn):
    turn.send(turn.honest(turn.body()[:len(turn.body()) // 2]))


@lie(UPLOADS, WRONG)
def put_stores_all_but_a_byte(turn):
    turn.send(turn.honest(turn.body()[:-1]))


@lie(UPLOADS, WRONG)
def put_stores_twice(turn):
    turn.send(turn.honest(turn.body() * 2))


@lie(UPLOADS, WRONG)
def put_flips_a_bit(turn):
    turn.send(turn.honest(flip(turn.body(), len(turn.body()) // 3)))


@lie(UPLOADS, WRONG)
def put_stores_elsewhere(turn):
    turn.body()
    turn.request.path += b".elsewhere"
    turn.answer()


@lie(MOVES, WRONG)
def move_does_nothing(turn):
    reply = turn.idle(201 if turn.protocol.name == "dav" else 200)
    if turn.protocol.name == "s3":
        reply = turn.protocol.copy_result("CopyObjectResult", "5-nothing")
    turn.send(reply)


@lie(MOVES, WRONG, "spoils")
def move_takes_half(turn):
    reply = turn.honest()
    turn.spoil_target(lambda body: body[:len(body) // 2])
    turn.send(reply)


@lie(MOVES, WRONG, "spoils", "blind")
def move_flips_a_bit(turn):
    reply = turn.honest()
    turn.spoil_target(lambda body: flip(body, len(body) // 2))
    turn.send(reply)


@lie(MOVES, WRONG, "spoils")
def move_takes_another_file(turn):
    other, name = turn.another_item(), turn.target()
    reply = turn.honest()
    with turn.store.lock:
        if name in turn.store.items:
            turn.store.items[name] = other
    turn.send(reply)


@lie(MOVES, WRONG)
def move_goes_elsewhere(turn):
    turn.body()
    if turn.protocol.name == "dav":
        turn.request.headers["destination"] += ".elsewhere"
    else:
        turn.request.path += b".elsewhere"
    turn.answer()


@lie(("move", "copy"), WRONG, "spoils")
def move_loses_both(turn):
    reply = turn.honest()
    with turn.store.lock:
        turn.store.items.pop(turn.target(), None)
    turn.send(reply)


@lie(("move",), WRONG, "blind")
def move_leaves_the_source(turn):
    item = turn.store.items.get(turn.name)
    reply = turn.honest()
    if item:
        turn.protocol.put_item(turn.name, item.body)
    turn.send(reply)


@lie(GONE, "changed conflict io invalid")
def delete_does_nothing(turn):
    reply = turn.idle(204)
    if turn.kind == "multi_delete":
        reply = Reply(200, {"Content-Type": "application/xml"}, b"<DeleteResult/>")
    turn.send(reply)


@lie(("delete",), "not_found changed")
def delete_says_404(turn):
    turn.honest()
    turn.send(Reply(404))


@lie(("make",), "not_found changed conflict unreachable io invalid")
def folder_is_not_made(turn):
    turn.send(turn.idle(201))


@lie(("delete",), "io invalid conflict denied unsupported")
def delete_with_failures(turn):
    body = (b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/x</D:href><D:status>'
            b"HTTP/1.1 423 Locked</D:status></D:response></D:multistatus>")
    turn.send(turn.idle(207, {"Content-Type": "application/xml"}, body))


# ---- connections


def lost(before, then):
    def answer(turn):
        before(turn)
        getattr(turn.connection, then)()
    return answer


def part_of_head(turn):
    head = turn.honest().head()
    turn.connection.send(head[:len(head) // 2])


for name, before in (("before_the_body_came", lambda turn: None),
                     ("before_the_reply", lambda turn: turn.body()),
                     ("after_the_effect", lambda turn: turn.honest()),
                     ("in_the_head", part_of_head),
                     ("after_the_head", lambda turn: turn.connection.send(turn.honest().head()))):
    for then in ("reset", "close"):
        lie(ANY, LOST, name=f"{then}_{name}")(lost(before, then))


def reset_at(place):
    def answer(turn):
        reply = turn.honest()
        turn.connection.send(reply.head() + reply.payload()[:place(len(reply.payload()))])
        turn.connection.reset()
    return answer


for name, place in (("first_byte", lambda size: 1), ("half", lambda size: size // 2),
                    ("last_byte", lambda size: size - 1)):
    lie(BODIES, CUT_OR_BROKEN, name=f"reset_at_{name}")(reset_at(place))


@lie(UPLOADS, CUT_OR_BROKEN)
def reset_in_mid_upload(turn):
    size = int(turn.request.header("content-length") or 2)
    turn.connection.read_body(turn.request, most=size // 2)
    turn.connection.reset()


@lie(UPLOADS, WRONG)
def success_before_the_body(turn):
    turn.connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nETag: \"1-early\"\r\n\r\n")
    turn.connection.close()


@lie(UPLOADS, "limit no_space unreachable")
def refused_before_the_body(turn):
    turn.connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    turn.connection.close()


@lie(UPLOADS, "invalid unsupported io unreachable")
def expectation_failed(turn):
    turn.connection.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
    turn.connection.close()


# ---- time


@lie(ANY, "timeout", "slow")
def stall_before_the_reply(turn):
    turn.body()
    turn.hang()


@lie(EFFECTS, "timeout", "slow")
def stall_after_the_effect(turn):
    turn.honest()
    turn.hang()


@lie(ANY, "timeout", "slow")
def stall_in_the_head(turn):
    part_of_head(turn)
    turn.hang()


@lie(READS + LISTS, "timeout", "slow")
def stall_in_the_body(turn):
    reply = turn.honest()
    turn.connection.send(reply.head() + reply.payload()[:len(reply.payload()) // 2])
    turn.hang()


@lie(UPLOADS, "timeout", "slow")
def stall_in_mid_upload(turn):
    turn.hang()


@lie(UPLOADS, "timeout", "slow")
def stall_after_continue(turn):
    turn.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    turn.hang()


@lie(ANY, "timeout", "slow")
def drip_the_head(turn):
    turn.drip(turn.honest().head(), 0.3)


@lie(READS + LISTS, "timeout", "slow")
def drip_the_body(turn):
    reply = turn.honest()
    turn.connection.send(reply.head())
    turn.drip(reply.payload(), 0.3)


@lie(ANY, "timeout invalid limit", "slow")
def drip_interim_replies(turn):
    turn.body()
    turn.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.05)


# ---- come back later


def later(status, after):
    def answer(turn):
        text = after() if callable(after) else after
        turn.send(turn.idle(status, {"Retry-After": text} if text is not None else {}))
    return answer


def in_20_seconds():
    return email.utils.formatdate(time.time() + 20, usegmt=True)


for name, status, after, bounds in (
        ("later_in_seconds", 503, "7", "7000-7000"), ("later_in_0_seconds", 429, "0", "0-1000"),
        ("later_at_a_date", 429, in_20_seconds, "15000-21000"),
        ("later_at_a_date_gone_by", 503, "Sun, 06 Nov 1994 08:49:37 GMT", "0-1000"),
        ("later_without_a_time", 503, None, "0-0"),
        ("later_in_a_century", 503, "3155760000", "0-86400000"),
        ("later_past_64_bits", 429, "99999999999999999999", "0-86400000"),
        ("later_negative", 429, "-5", "0-0"), ("later_of_letters", 503, "soon", "0-0"),
        ("later_at_an_absurd_date", 503, "Fri, 31 Dec 9999 23:59:59 GMT", "0-86400000")):
    lie(ANY, "throttled", f"after={bounds}", name=name)(later(status, after))
