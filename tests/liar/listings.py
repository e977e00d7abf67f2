"""Lies of XML: listings, multistatus, results of S3, and its errors. Enters them into the table."""

import re

import s3
from names import ANY, GONE, LISTS, MOVES, XML_BODIES, lie
from wire import Reply, chunk

BROKEN = "invalid"
ANY_DATE = re.compile(rb"(<D:getlastmodified>|<LastModified>)([^<]*)")
ANY_NAME = re.compile(rb"(<D:href>|<Key>)([^<]*)")
ANY_ROW = re.compile(rb"<D:response>.*?</D:response>\n|<Contents>.*?</Contents>", re.DOTALL)
TRUNCATED = re.compile(rb"<IsTruncated>(true|false)</IsTruncated>")
TOKEN = re.compile(rb"<NextContinuationToken>[^<]*</NextContinuationToken>")


def with_dates(body, text):
    return ANY_DATE.sub(lambda match: match[1] + text.encode(), body)


def with_body(edit, framing="length"):
    def answer(turn):
        reply = turn.honest()
        reply.framing = framing
        if reply.status < 300 and reply.body:
            reply.body = edit(reply.body)
        turn.send(reply)
    return answer


# ---- XML itself

LAUGHS = b"".join([
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "laugh">',
    *(b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 10)),
    b"]>"])


def after_declaration(text):
    return lambda body: text + re.sub(rb"^<\?xml[^>]*\?>\s*", b"", body)


def bomb(body):
    return after_declaration(LAUGHS)(body).replace(b"<D:href>", b"<D:href>&l9;").replace(
        b"<Key>", b"<Key>&l9;")


QUADRATIC = b'<!DOCTYPE q [<!ENTITY q "' + b"q" * 50000 + b'">]>'


def quadratic(body):
    return after_declaration(QUADRATIC)(body).replace(b"<D:href>", b"<D:href>" + b"&q;" * 2000)


def external(body):
    body = after_declaration(b'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>')(body)
    return body.replace(b"<D:href>", b"<D:href>&x;").replace(b"<Key>", b"<Key>&x;")


def recoded(body):
    text = re.sub(rb"^<\?xml[^>]*\?>", b'<?xml version="1.0" encoding="utf-16"?>', body)
    return text.decode("utf-8", "replace").encode("utf-16")


ATTRIBUTES = b"<a " + b" ".join(b"a%d='1'" % at for at in range(100000)) + b"/>"

BREAKS = (
    ("xml_cut_in_half", lambda body: body[:len(body) // 2]),
    ("xml_without_its_end", lambda body: body[:body.rindex(b"</")]),
    ("xml_and_more", lambda body: body + body),
    ("xml_bomb", bomb), ("xml_quadratic_bomb", quadratic), ("xml_reads_a_file", external),
    ("xml_asks_for_a_dtd",
     after_declaration(b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd">')),
    ("xml_deep", lambda body: b"<a>" * 200000),
    ("xml_with_100000_attributes", lambda body: ATTRIBUTES),
    ("xml_with_a_name_of_a_megabyte", lambda body: b"<" + b"n" * (1 << 20) + b"/>"),
    ("xml_text_of_4_megabytes", lambda body: ANY_NAME.sub(rb"\1" + b"t" * (4 << 20), body, 1)),
    ("xml_is_html", lambda body: b"<!doctype html><html><body><p>Welcome<br></body></html>"),
    ("xml_is_json", lambda body: b'{"error": null}'),
    ("xml_is_empty", lambda body: b""), ("xml_is_blank", lambda body: b" \n" * 5000),
    ("xml_of_bad_utf8", lambda body: ANY_NAME.sub(rb"\1\2" + b"\xff\xfe\xc0\x80", body)),
    ("xml_in_utf_16", recoded),
    ("xml_of_unknown_encoding",
     lambda body: re.sub(rb"^<\?xml[^>]*\?>", b'<?xml version="1.0" encoding="rot13"?>', body)),
    ("xml_with_nul", lambda body: ANY_NAME.sub(rb"\1\2" + b"\0", body)),
    ("xml_with_reference_to_nul", lambda body: ANY_NAME.sub(rb"\1\2&#0;", body)),
    ("xml_of_other_root",
     lambda body: b'<?xml version="1.0"?><other xmlns="urn:other"><x>1</x></other>'),
    ("xml_of_other_namespace",
     lambda body: body.replace(b"DAV:", b"VAD:").replace(b"s3.amazonaws", b"s4.amazonaws")))

for name, edit in BREAKS:
    lie(XML_BODIES, "invalid unreachable limit changed conflict not_found io", name=name)(
        with_body(edit))


@lie(XML_BODIES, "invalid unreachable limit timeout")
def xml_endless(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    rows = ANY_ROW.findall(reply.body)
    start = reply.body[:reply.body.rindex(b"</")] if reply.body else b"<x>"
    turn.connection.send(reply.head() + chunk(start))
    turn.flood_chunks(rows[-1] if rows else b"<x>1</x>")


@lie(XML_BODIES, "invalid unreachable limit timeout")
def xml_deep_without_end(turn):
    reply = turn.honest()
    reply.framing = "chunked"
    turn.connection.send(reply.head())
    turn.flood_chunks(b"<deeper>")


# ---- names in listings

# What takes the place of the last part of each name.
NAMES = (
    ("name_of_dots", b"../../../etc/passwd"), ("name_of_coded_dots", b"%2e%2e/%2e%2e/etc/passwd"),
    ("name_of_a_dot", b"./x"), ("name_with_coded_slash", b"..%2f..%2fetc"),
    ("name_with_empty_part", b"a//b"), ("name_with_nul", b"a%00b"),
    ("name_with_bad_percent", b"a%zz%"), ("name_with_end_in_percent", b"a%2"),
    ("name_of_300_bytes", b"n" * 300), ("name_of_9000_bytes", b"n/" * 4500 + b"n"),
    ("name_with_backslash", b"..\\..\\x"), ("name_with_a_query", b"x?y=1#z"),
    ("name_with_controls", b"a%0d%0ab"))


def renamed(last):
    def edit(body):
        rows = ANY_ROW.findall(body)
        if not rows:
            return body
        row = rows[-1]
        match = ANY_NAME.search(row)
        start = match[2].rstrip(b"/").rpartition(b"/")[0]
        name = start + b"/" + last if start else last
        return body.replace(row, row.replace(match[0], match[1] + name))
    return edit


for name, last in NAMES:
    lie(("list",), "invalid limit", "invents", name=name)(with_body(renamed(last)))

WHOLE_NAMES = (
    ("name_is_the_root", b"/"), ("name_is_empty", b""), ("name_of_another_prefix", b"/other/x"),
    ("name_of_a_sibling", b"/dav-sibling/x"), ("name_of_staging", b"/dav/.waybill/x"),
    ("name_at_another_host", b"http://127.0.0.9:1/dav/x"),
    ("name_with_another_scheme", b"ftp://127.0.0.1/dav/x"),
    ("name_relative", b"x"), ("name_above", b"/dav/../x"))


def named(whole):
    def edit(body):
        row = ANY_ROW.findall(body)[-1:]
        if not row:
            return body
        return body.replace(row[0], ANY_NAME.sub(lambda match: match[1] + whole, row[0]))
    return edit


for name, whole in WHOLE_NAMES:
    lie(("list",), "invalid limit", "invents", name=name)(with_body(named(whole)))


@lie(("list",), "invalid", "invents")
def listing_has_a_name_twice(turn):
    with_body(lambda body: ANY_ROW.sub(rb"\g<0>\g<0>", body))(turn)


@lie(("list",), "invalid", "invents")
def listing_is_of_another_folder(turn):
    reply = turn.honest()
    reply.body = reply.body.replace(b"/sub", b"/bus").replace(b"sub/", b"bus/")
    turn.send(reply)


@lie(("list",), "invalid limit", "invents")
def folder_holds_itself(turn):
    """For ever deeper: the only child of each folder is a folder."""
    reply = turn.honest()
    if turn.protocol.name == "dav" and reply.status == 404:
        reply = Reply(207, {"Content-Type": "application/xml"})
    target = turn.request.target.rstrip("/").encode()
    rows = b"".join(b"<D:response><D:href>%s/</D:href><D:propstat><D:prop><D:resourcetype>"
                    b"<D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status>"
                    b"</D:propstat></D:response>" % name for name in (target, target + b"/again"))
    if turn.protocol.name == "dav":
        reply.body = b'<D:multistatus xmlns:D="DAV:">' + rows + b"</D:multistatus>"
    turn.send(reply)


# ---- pages


@lie(LISTS, "invalid limit")
def same_page_again(turn):
    """With the same token for the next page, for ever."""
    for word in ("continuation-token", "start-after", "part-number-marker", "key-marker"):
        turn.request.query.pop(word, None)
    reply = turn.honest()
    reply.body = TRUNCATED.sub(b"<IsTruncated>true</IsTruncated>", reply.body)
    turn.send(reply)


@lie(LISTS, "invalid limit")
def empty_pages_without_end(turn):
    reply = turn.honest()
    body = ANY_ROW.sub(b"", reply.body)
    token = b"<NextContinuationToken>%x</NextContinuationToken>" % turn.store.next_serial()
    body = TOKEN.sub(b"", body)
    reply.body = TRUNCATED.sub(b"<IsTruncated>true</IsTruncated>" + token, body)
    turn.send(reply)


for name, edit in (
        ("page_truncated_without_token",
         lambda body: TRUNCATED.sub(b"<IsTruncated>true</IsTruncated>", TOKEN.sub(b"", body))),
        ("page_token_empty",
         lambda body: TOKEN.sub(b"<NextContinuationToken></NextContinuationToken>", body)),
        ("page_token_of_a_megabyte",
         lambda body: TOKEN.sub(b"<NextContinuationToken>" + b"t" * (1 << 20)
                                + b"</NextContinuationToken>", body)),
        ("page_truncated_by_letters",
         lambda body: TRUNCATED.sub(b"<IsTruncated>perhaps</IsTruncated>", body))):
    lie(LISTS, "invalid limit", name=name)(with_body(edit))

for name, edit in (
        ("page_says_it_is_the_last",
         lambda body: TRUNCATED.sub(b"<IsTruncated>false</IsTruncated>", TOKEN.sub(b"", body))),
        ("page_without_its_rows", lambda body: ANY_ROW.sub(b"", body)),
        ("page_without_its_last_row",
         lambda body: body.replace((ANY_ROW.findall(body) or [b"<>"])[-1], b""))):
    lie(("list",), "invalid", "blind", name=name)(with_body(edit))


@lie(("props", "list"), "not_found denied invalid io")
def props_with_other_status(turn):
    with_body(lambda body: body.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 403 Forbidden"))(turn)


@lie(("props", "list"), "invalid")
def props_with_no_status(turn):
    with_body(lambda body: re.sub(rb"<D:status>[^<]*</D:status>", b"", body))(turn)


# ---- S3: errors that look like success, and those of its own

CODES = {"SlowDown": "throttled", "InternalError": "io unreachable", "ExpiredToken": "denied",
         "AccessDenied": "denied", "RequestTimeTooSkewed": "denied", "NoSuchBucket":
         "not_found unreachable changed", "NoSuchUpload": "not_found changed", "InvalidPart":
         "changed conflict corrupt invalid", "EntityTooSmall": "invalid limit", "BadDigest":
         "corrupt", "PreconditionFailed": "changed conflict", "InvalidAccessKeyId": "denied",
         "NoSuchKey": "not_found changed", "NotImplemented": "unsupported"}


def s3_error(code, status):
    def answer(turn):
        turn.body()
        reply = s3.error(code, status)
        reply.head_only = turn.request.method == "HEAD"
        turn.send(reply)
    return answer


for code, classes in CODES.items():
    lie(ANY, classes + " invalid", "s3", name=f"s3_{code}")(s3_error(code, None))
    lie(MOVES + GONE + ("begin", "part", "put") + LISTS, classes + " invalid", "s3",
        name=f"s3_{code}_with_200")(s3_error(code, 200))


@lie(("complete", "copy", "part_copy"), "throttled io unreachable", "s3")
def s3_error_after_a_long_while(turn):
    """As S3 does it: 200 at once, blanks to keep the connection alive, then the error."""
    turn.body()
    declaration, _, rest = s3.error("InternalError").body.partition(b"\n")
    turn.connection.send(Reply(200, framing="chunked").head() + chunk(declaration))
    for _ in range(5):
        turn.connection.send(chunk(b" \n"))
    turn.connection.send(chunk(rest) + b"0\r\n\r\n")


@lie(("complete", "copy", "part_copy"), "invalid", "s3")
def blanks_before_all(turn):
    """No XML any more: nothing may stand before the declaration."""
    with_body(lambda body: b" \n \n" + body)(turn)


@lie(("part", "part_copy"), "changed corrupt conflict invalid", "s3")
def part_has_another_etag(turn):
    turn.send(turn.with_etag(turn.honest(), '"0123456789abcdef0123456789abcdef"'))


@lie(("complete",), "changed conflict corrupt invalid io not_found", "s3", "spoils")
def complete_loses_a_part(turn):
    reply = turn.honest()
    turn.spoil_target(lambda body: body[:len(body) // 2])
    turn.send(reply)


@lie(("complete",), "changed conflict corrupt invalid io not_found", "s3", "spoils", "blind")
def complete_turns_parts_round(turn):
    reply = turn.honest()
    turn.spoil_target(lambda body: body[len(body) // 2:] + body[:len(body) // 2])
    turn.send(reply)


@lie(("begin",), "invalid limit", "s3")
def upload_without_an_id(turn):
    with_body(lambda body: re.sub(rb"<UploadId>[^<]*</UploadId>", b"", body))(turn)


@lie(("begin",), "invalid limit", "s3")
def upload_with_a_long_id(turn):
    with_body(lambda body: body.replace(b"<UploadId>", b"<UploadId>" + b"u" * 100000))(turn)


@lie(("begin",), "not_found changed invalid", "s3")
def upload_of_another_id(turn):
    with_body(lambda body: body.replace(b"<UploadId>", b"<UploadId>not-"))(turn)


@lie(("multi_delete",), "denied io invalid", "s3")
def multi_delete_refuses_one(turn):
    turn.body()
    turn.send(s3.xml(200, "DeleteResult", "<Error><Key>x</Key><Code>AccessDenied</Code></Error>"))


@lie(("parts", "uploads"), "invalid", "s3", "blind")
def uploads_are_not_listed(turn):
    turn.body()
    turn.send(s3.xml(200, "ListMultipartUploadsResult", "<IsTruncated>false</IsTruncated>"))


