"""An honest S3 server in memory, path style, one bucket: conditions hold, checksums are checked,
multipart in any order, server-side copies, list v2. It wants to see a signature of its key and, if
it has one, its session token; whether signatures are right is the business of real servers."""

import base64
import hashlib
import re
import urllib.parse
import zlib
from xml.sax.saxutils import escape

import honest
from wire import Reply

BUCKET = b"bucket"
KEY, SECRET, TOKEN = "LIARKEY", "liar/secret+key", "liar-session-token"
XML = "application/xml"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
STATUS = {"NoSuchKey": 404, "NoSuchUpload": 404, "NoSuchBucket": 404, "PreconditionFailed": 412,
          "AccessDenied": 403, "BadDigest": 400, "InvalidPart": 400, "InvalidRequest": 400,
          "EntityTooSmall": 400, "NotImplemented": 501, "ExpiredToken": 400, "SlowDown": 503,
          "InvalidRange": 416, "MalformedXML": 400, "InternalError": 500,
          "RequestTimeTooSkewed": 403, "InvalidAccessKeyId": 403, "InvalidPartOrder": 400}
PART_LEAST = 5 << 20
# CRC-64/NVME byte by byte is slow here: larger bodies are believed.
CRC64_MOST = 64 << 10


def error(code, status=None):
    body = (f"{DECLARATION}<Error><Code>{code}</Code><Message>as asked</Message>"
            f"<Resource>/</Resource><RequestId>0</RequestId></Error>")
    return Reply(status or STATUS[code], {"Content-Type": XML}, body.encode())


def xml(status, root, inner):
    text = f"{DECLARATION}<{root}{NAMESPACE}>{inner}</{root}>"
    return Reply(status, {"Content-Type": XML}, text.encode())


def tag(name, value):
    return f"<{name}>{escape(str(value))}</{name}>"


def _crc64_table():
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x9A6C9329AC4BC9B5 if value & 1 else value >> 1
        rows.append(value)
    return rows


_CRC64 = _crc64_table()


def crc64nvme(data):
    value = (1 << 64) - 1
    for byte in data:
        value = _CRC64[(value ^ byte) & 255] ^ value >> 8
    return (value ^ (1 << 64) - 1).to_bytes(8, "big")


SUMS = {"content-md5": lambda data: hashlib.md5(data).digest(),
        "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
        "x-amz-checksum-sha1": lambda data: hashlib.sha1(data).digest(),
        "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
        "x-amz-checksum-crc64nvme": lambda data: crc64nvme(data)
        if len(data) <= CRC64_MOST else None}


def wrong_sums(request, body):
    plain = request.header("x-amz-content-sha256")
    if re.fullmatch("[0-9a-f]{64}", plain) and plain != hashlib.sha256(body).hexdigest():
        return error("BadDigest")
    for name, compute in SUMS.items():
        said = request.header(name)
        have = compute(body) if said else None
        if have is not None and base64.b64encode(have).decode() != said:
            return error("BadDigest")
    return None


def kept_sums(request):
    return {name: request.header(name) for name in SUMS
            if name.startswith("x-amz") and request.header(name)}


class S3:
    name = "s3"

    def __init__(self, store):
        self.store = store

    @staticmethod
    def kind(request):
        query, method = request.query, request.method
        if method == "PUT" and "partNumber" in query:
            return "part_copy" if request.header("x-amz-copy-source") else "part"
        if method == "POST":
            kinds = {"uploads": "begin", "uploadId": "complete", "delete": "multi_delete"}
            return next((kind for word, kind in kinds.items() if word in query), "other")
        if method == "DELETE":
            return "abort" if "uploadId" in query else "delete"
        if method == "GET":
            listing = {"uploadId": "parts", "uploads": "uploads", "list-type": "list",
                       "location": "options", "versioning": "options", "versions": "list"}
            return next((kind for word, kind in listing.items() if word in query), "read")
        if method == "HEAD":
            return "look" if S3.name_of(request.path) else "options"
        if method == "PUT":
            return "copy" if request.header("x-amz-copy-source") else "put"
        return "other"

    @staticmethod
    def name_of(path):
        """The key; "" is the bucket, None is outside."""
        if path.rstrip(b"/") == b"/" + BUCKET:
            return b""
        start = b"/" + BUCKET + b"/"
        return path[len(start):] if path.startswith(start) else None

    def put_item(self, name, body, meta=None, etag=None):
        item = honest.Item(bytes(body), etag or honest.md5(body), honest.now(), meta or {})
        self.store.keep(name, item)
        return item

    def handle(self, request, body):
        signature = request.header("authorization")
        if not signature.startswith("AWS4-HMAC-SHA256 ") or f"Credential={KEY}/" not in signature:
            return error("AccessDenied")
        if request.header("x-amz-security-token") != TOKEN:
            return error("InvalidAccessKeyId")
        if self.name_of(request.path) is None:
            return error("NoSuchBucket")
        wrong = wrong_sums(request, body) if body else None
        with self.store.lock:
            return wrong or self._dispatch(request, self.name_of(request.path), body)

    def _dispatch(self, request, name, body):
        if not name:
            return self._bucket(request, body)
        method = getattr(self, "_" + self.kind(request), None)
        return method(request, name, body) if method else error("NotImplemented")

    def _bucket(self, request, body):
        kind = self.kind(request)
        if kind in ("list", "uploads", "multi_delete"):
            return getattr(self, "_" + kind)(request, body)
        if "location" in request.query:
            return xml(200, "LocationConstraint", "")
        if "versioning" in request.query:
            return xml(200, "VersioningConfiguration", "")
        return Reply(200) if request.method == "HEAD" else error("NotImplemented")

    # Objects

    def _read(self, request, name, _body):
        item = self.store.items.get(name)
        if not item:
            return error("NoSuchKey")
        reply = honest.read(request, item)
        return error("InvalidRange") if reply.status == 416 else reply

    _look = _read

    def _meta(self, request):
        meta = {name: value for name, value in request.headers.items()
                if name.startswith("x-amz-meta-")}
        if request.header("content-type"):
            meta["Content-Type"] = request.header("content-type")
        return meta

    def _put(self, request, name, body):
        if honest.refused(request, self.store.items.get(name)):
            return error("PreconditionFailed")
        sums = kept_sums(request)
        item = self.put_item(name, body, {**self._meta(request), **sums})
        return Reply(200, {"ETag": honest.quoted(item.etag), **sums})

    def source(self, request):
        path = request.header("x-amz-copy-source").partition("?")[0]
        return self.name_of(b"/" + urllib.parse.unquote_to_bytes(path).lstrip(b"/"))

    def _copied(self, request):
        """(the source's item, None) or (None, an error)."""
        item = self.store.items.get(self.source(request))
        if not item:
            return None, error("NoSuchKey")
        if honest.refused(request, item, "x-amz-copy-source-if-"):
            return None, error("PreconditionFailed")
        return item, None

    def _copy(self, request, name, _body):
        item, wrong = self._copied(request)
        if wrong or honest.refused(request, self.store.items.get(name)):
            return wrong or error("PreconditionFailed")
        replaces = request.header("x-amz-metadata-directive") == "REPLACE"
        meta = self._meta(request) if replaces else item.meta
        made = self.put_item(name, item.body, meta)
        return self.copy_result("CopyObjectResult", made.etag)

    @staticmethod
    def copy_result(root, etag):
        return xml(200, root, tag("LastModified", honest.stamp(honest.now()))
                   + tag("ETag", honest.quoted(etag)))

    def _delete(self, request, name, _body):
        item = self.store.items.get(name)
        if request.header("if-match") and honest.refused(request, item):
            return error("PreconditionFailed" if item else "NoSuchKey")
        self.store.items.pop(name, None)
        return Reply(204)

    def _multi_delete(self, _request, body):
        text = body.decode("utf-8", "surrogateescape")
        quiet = "<Quiet>true</Quiet>" in text
        rows = []
        for each in re.findall(r"<Object>(.*?)</Object>", text, re.DOTALL):
            key = unescape(re.search(r"<Key>(.*?)</Key>", each, re.DOTALL)[1])
            self.store.items.pop(key.encode("utf-8", "surrogateescape"), None)
            rows.append("" if quiet else f"<Deleted>{tag('Key', key)}</Deleted>")
        return xml(200, "DeleteResult", "".join(rows))

    # Multipart

    def _begin(self, request, name, _body):
        upload = f"upload-{self.store.next_serial()}"
        self.store.uploads[upload] = {"name": name, "parts": {}, "meta": self._meta(request),
                                      "begun": honest.stamp(honest.now())}
        return xml(200, "InitiateMultipartUploadResult", tag("Bucket", BUCKET.decode())
                   + tag("Key", shown(name)) + tag("UploadId", upload))

    def _upload(self, request, name):
        upload = self.store.uploads.get(request.query["uploadId"])
        return upload if upload and upload["name"] == name else None

    def _part(self, request, name, body):
        upload = self._upload(request, name)
        number = int(request.query["partNumber"])
        if not upload:
            return error("NoSuchUpload")
        if not 1 <= number <= 10000:
            return error("InvalidRequest")
        upload["parts"][number] = (body, honest.md5(body))
        return Reply(200, {"ETag": honest.quoted(honest.md5(body)), **kept_sums(request)})

    def _part_copy(self, request, name, _body):
        upload = self._upload(request, name)
        item, wrong = self._copied(request)
        if not upload or wrong:
            return wrong or error("NoSuchUpload")
        body = item.body
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.header("x-amz-copy-source-range"))
        if match:
            body = body[int(match[1]):int(match[2]) + 1]
        upload["parts"][int(request.query["partNumber"])] = (body, honest.md5(body))
        return self.copy_result("CopyPartResult", honest.md5(body))

    def _complete(self, request, name, body):
        upload = self._upload(request, name)
        if not upload:
            return error("NoSuchUpload")
        if honest.refused(request, self.store.items.get(name)):
            return error("PreconditionFailed")
        parts, wrong = self._named_parts(upload, body.decode())
        if wrong:
            return error(wrong)
        whole = b"".join(part for part, _ in parts)
        sums = b"".join(bytes.fromhex(etag) for _, etag in parts)
        item = self.put_item(name, whole, upload["meta"], f"{honest.md5(sums)}-{len(parts)}")
        del self.store.uploads[request.query["uploadId"]]
        return self.complete_result(name, item.etag)

    @staticmethod
    def complete_result(name, etag):
        return xml(200, "CompleteMultipartUploadResult", tag("Location", "http://bucket/")
                   + tag("Bucket", BUCKET.decode()) + tag("Key", shown(name))
                   + tag("ETag", honest.quoted(etag)))

    @staticmethod
    def _named_parts(upload, text):
        parts, last = [], 0
        for each in re.findall(r"<Part>(.*?)</Part>", text, re.DOTALL):
            number = int(re.search(r"<PartNumber>(\d+)</PartNumber>", each)[1])
            etag = unescape(re.search(r"<ETag>(.*?)</ETag>", each)[1]).strip('"')
            if number <= last:
                return None, "InvalidPartOrder"
            if upload["parts"].get(number, (b"", ""))[1] != etag:
                return None, "InvalidPart"
            parts.append(upload["parts"][number])
            last = number
        if not parts:
            return None, "MalformedXML"
        small = any(len(body) < PART_LEAST for body, _ in parts[:-1])
        return parts, "EntityTooSmall" if small else None

    def _abort(self, request, name, _body):
        if not self._upload(request, name):
            return error("NoSuchUpload")
        del self.store.uploads[request.query["uploadId"]]
        return Reply(204)

    def _parts(self, request, name, _body):
        upload = self._upload(request, name)
        if not upload:
            return error("NoSuchUpload")
        after = int(request.query.get("part-number-marker") or 0)
        rows = [(number, part) for number, part in sorted(upload["parts"].items())
                if number > after]
        inner = tag("Key", shown(name)) + tag("UploadId", request.query["uploadId"])
        inner += tag("IsTruncated", "true" if len(rows) > honest.PAGE else "false")
        for number, (body, etag) in rows[:honest.PAGE]:
            inner += (f"<Part>{tag('PartNumber', number)}{tag('ETag', honest.quoted(etag))}"
                      f"{tag('Size', len(body))}</Part>")
            inner += tag("NextPartNumberMarker", number)
        return xml(200, "ListPartsResult", inner)

    # Listings

    def _uploads(self, request, _body):
        prefix = request.query.get("prefix", "").encode("latin-1")
        inner = tag("Bucket", BUCKET.decode()) + tag("IsTruncated", "false")
        for upload, its in sorted(self.store.uploads.items()):
            if its["name"].startswith(prefix):
                inner += (f"<Upload>{tag('Key', coded(request, its['name']))}"
                          f"{tag('UploadId', upload)}{tag('Initiated', its['begun'])}</Upload>")
        return xml(200, "ListMultipartUploadsResult", inner)

    def _list(self, request, _body):
        query = request.query
        prefix = query.get("prefix", "").encode("latin-1")
        after = query.get("start-after", "").encode("latin-1")
        token = query.get("continuation-token", "")
        if not re.fullmatch("([0-9a-f]{2})*", token):
            return error("InvalidRequest")
        after = bytes.fromhex(token) or after
        split = query.get("delimiter", "").encode("latin-1")
        most = min(int(query.get("max-keys") or 1000), honest.PAGE)
        rows, last, more = [], b"", False
        for name, item in sorted(self.store.items.items()):
            short = common(name, prefix, split)
            if not name.startswith(prefix) or (short or name) <= after or short == last != b"":
                continue
            if len(rows) == most:
                more = True
                break
            rows.append(row(request, short or name, None if short else item))
            last = short or name
        return list_result(request, rows, last if more else None)


def unescape(text):
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"),
                         ("&#34;", '"'), ("&#39;", "'")):
        text = text.replace(entity, char)
    text = re.sub(r"&#x([0-9a-fA-F]+);", lambda match: chr(int(match[1], 16)), text)
    text = re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), text)
    return text.replace("&amp;", "&")


def shown(name):
    return name.decode("utf-8", "replace")


def coded(request, name):
    if request.query.get("encoding-type") == "url":
        return urllib.parse.quote(name)
    return shown(name)


def common(name, prefix, split):
    """The common prefix that a name goes into, b"" when none."""
    rest = name[len(prefix):]
    return prefix + rest.partition(split)[0] + split if split and split in rest else b""


def row(request, name, item):
    if item is None:
        return f"<CommonPrefixes>{tag('Prefix', coded(request, name))}</CommonPrefixes>"
    return (f"<Contents>{tag('Key', coded(request, name))}"
            f"{tag('LastModified', honest.stamp(item.mtime))}"
            f"{tag('ETag', honest.quoted(item.etag))}{tag('Size', len(item.body))}"
            f"<StorageClass>STANDARD</StorageClass></Contents>")


def list_result(request, rows, token):
    query = request.query
    inner = tag("Name", BUCKET.decode()) + tag("Prefix", query.get("prefix", ""))
    inner += tag("KeyCount", len(rows)) + tag("MaxKeys", query.get("max-keys", "1000"))
    inner += tag("EncodingType", "url") if query.get("encoding-type") == "url" else ""
    inner += tag("IsTruncated", "false" if token is None else "true")
    if token is not None:
        inner += tag("NextContinuationToken", token.hex())
    return xml(200, "ListBucketResult", inner + "".join(rows))
