# SPDX-License-Identifier: MIT
"""D-Bus messages as bytes (D-Bus Specification, "Message Protocol"), written by hand so that tests can also
send what no library would: text that isn't UTF-8, replies nobody asked for, half a message.

Python's values by type: y n q i u x t: int; b: bool; d: float; s o g: str (or bytes, sent as they are);
v: (signature, value); arrays: list; arrays of entries: dict; structures: tuple.
"""
import struct
from collections import namedtuple

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE = 1, 2, 4

NUMBERS = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I", "b": "I"}
FIELDS = {"path": (1, "o"), "interface": (2, "s"), "member": (3, "s"), "error": (4, "s"), "reply_to": (5, "u"),
          "destination": (6, "s"), "sender": (7, "s"), "signature": (8, "g"), "fds": (9, "u")}
NAMES = {code: name for name, (code, _) in FIELDS.items()}

Message = namedtuple("Message", ["kind", "flags", "serial", "body", *FIELDS])


def split(signature):
    """The complete types of a signature."""
    at = 0
    while at < len(signature):
        end = at
        while signature[end] == "a":
            end += 1
        depth = 0
        while True:
            depth += (signature[end] in "({") - (signature[end] in ")}")
            end += 1
            if depth == 0:
                break
        yield signature[at:end]
        at = end


def alignment(kind):
    if kind[0] in NUMBERS:
        return struct.calcsize(NUMBERS[kind[0]])
    return {"s": 4, "o": 4, "a": 4, "(": 8, "{": 8}.get(kind[0], 1)


class Writer:
    def __init__(self):
        self.data = bytearray()

    def align(self, n):
        self.data += bytes(-len(self.data) % n)

    def text(self, value, length):
        raw = value if isinstance(value, bytes) else value.encode()
        self.data += struct.pack("<" + length, len(raw)) + raw + b"\0"

    def array(self, kind, items):
        start = len(self.data)
        self.data += bytes(4)
        self.align(alignment(kind))
        begin = len(self.data)
        for item in items:
            self.put(kind, item)
        self.data[start:start + 4] = struct.pack("<I", len(self.data) - begin)

    def put(self, kind, value):
        self.align(alignment(kind))
        if kind in NUMBERS:
            self.data += struct.pack("<" + NUMBERS[kind], value)
        elif kind in "so":
            self.text(value, "I")
        elif kind == "g":
            self.text(value, "B")
        elif kind == "v":
            self.text(value[0], "B")
            self.put(*value)
        elif kind[0] == "a":
            self.array(kind[1:], value.items() if isinstance(value, dict) else value)
        else:
            for inner, item in zip(split(kind[1:-1]), value, strict=True):
                self.put(inner, item)


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def align(self, n):
        self.at += -self.at % n

    def unpack(self, form):
        size = struct.calcsize(form)
        self.at += size
        return struct.unpack_from("<" + form, self.data, self.at - size)[0]

    def text(self, length):
        size = self.unpack(length)
        self.at += size + 1
        return self.data[self.at - size - 1:self.at - 1].decode()

    def array(self, kind):
        size = self.unpack("I")
        self.align(alignment(kind))
        end, items = self.at + size, []
        while self.at < end:
            items.append(self.get(kind))
        return dict(items) if kind[0] == "{" else items

    def get(self, kind):
        self.align(alignment(kind))
        if kind in NUMBERS:
            value = self.unpack(NUMBERS[kind])
            return bool(value) if kind == "b" else value
        if kind in "so":
            return self.text("I")
        if kind == "g":
            return self.text("B")
        if kind == "v":
            signature = self.text("B")
            return signature, self.get(signature)
        if kind[0] == "a":
            return self.array(kind[1:])
        return tuple(self.get(inner) for inner in split(kind[1:-1]))


def encode(kind, serial, signature="", body=(), flags=0, **fields):
    content, head = Writer(), Writer()
    for each, value in zip(split(signature), body, strict=True):
        content.put(each, value)
    if signature:
        fields["signature"] = signature
    head.data += struct.pack("<BBBBII", ord("l"), kind, flags, 1, len(content.data), serial)
    head.put("a(yv)", [(FIELDS[name][0], (FIELDS[name][1], value)) for name, value in fields.items()])
    head.align(8)
    return bytes(head.data + content.data)


def decode(data):
    """(message, its length), or (None, 0) while it isn't complete."""
    if len(data) < 16:
        return None, 0
    _, kind, flags, _, body_size, serial, fields_size = struct.unpack_from("<BBBBIII", data)
    head = 16 + fields_size + -fields_size % 8
    if len(data) < head + body_size:
        return None, 0
    fields = {NAMES[code]: value for code, (_, value) in Reader(data, 12).get("a(yv)")}
    reader = Reader(data[head:head + body_size])
    body = [reader.get(each) for each in split(fields.get("signature", ""))]
    return Message(kind, flags, serial, body, **{name: fields.get(name) for name in FIELDS}), head + body_size
