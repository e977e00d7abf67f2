"""Just enough Avro to read what the ring wrote without its help: single-object encoding, decoded by
the schema files (https://avro.apache.org/docs/1.11.1/specification/#binary-encoding)."""

import json
import struct

MARKER = b"\xc3\x01"
FINGERPRINT_BYTES = 8


class Schema:
    """One of schemas/*.avsc; records become dicts, enums their symbol's name."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = json.load(file)
        self.named = {}
        self._name(self.root)

    def _name(self, schema):
        if isinstance(schema, list):
            for branch in schema:
                self._name(branch)
        elif isinstance(schema, dict):
            if "name" in schema:
                self.named[schema["name"]] = schema
            for field in schema.get("fields", ()):
                self._name(field["type"])
            for inner in ("items", "values", "type"):
                self._name(schema.get(inner))

    def decode(self, data):
        if data[:2] != MARKER:
            raise ValueError(f"no single-object encoding: {data[:10].hex()}")
        source = _Bytes(data, len(MARKER) + FINGERPRINT_BYTES)
        value = self._read(self.root, source)
        if source.at != len(data):
            raise ValueError(f"{len(data) - source.at} bytes too many")
        return value

    def _read(self, schema, source):
        if isinstance(schema, list):
            return self._read(schema[source.long()], source)
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind in _PRIMITIVES:
            return _PRIMITIVES[kind](source)
        if kind == "record":
            return {field["name"]: self._read(field["type"], source)
                    for field in schema["fields"]}
        if kind == "enum":
            return schema["symbols"][source.long()]
        if kind == "array":
            return [self._read(schema["items"], source) for _ in source.blocks()]
        if kind == "map":
            return {source.text(): self._read(schema["values"], source)
                    for _ in source.blocks()}
        return self._read(self.named[kind.split(".")[-1]], source)


class _Bytes:
    def __init__(self, data, at):
        self.data = data
        self.at = at

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        if count < 0 or len(piece) != count:
            raise ValueError("record is cut short")
        self.at += count
        return piece

    def long(self):
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)

    def text(self):
        return self.take(self.long()).decode()

    def blocks(self):
        """One turn for every item of an array or map."""
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            yield from range(count)


_PRIMITIVES = {
    "null": lambda source: None,
    "boolean": lambda source: source.take(1) != b"\0",
    "int": _Bytes.long,
    "long": _Bytes.long,
    "float": lambda source: struct.unpack("<f", source.take(4))[0],
    "double": lambda source: struct.unpack("<d", source.take(8))[0],
    "bytes": lambda source: source.take(source.long()),
    "string": _Bytes.text,
}
