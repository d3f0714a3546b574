"""Just enough DNS to read one question and to write an answer of any honesty."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import msgspec

A, NS, CNAME, AAAA = 1, 2, 5, 28
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5
KINDS = {A: "A", NS: "NS", CNAME: "CNAME", AAAA: "AAAA"}
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _RECURSION_WANTED, _RECURSION = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_HEAD = struct.Struct("!HHHHHH")
_LONGEST_LABEL = 63


class Question(msgspec.Struct, frozen=True):
    """`name` is lower-case without the trailing dot; `raw` is the question section as it came."""

    id: int
    flags: int
    name: str
    kind: int
    raw: bytes

    @property
    def recursive(self) -> bool:
        return bool(self.flags & _RECURSION_WANTED)


class Record(msgspec.Struct, frozen=True):
    """One line of an answer; `value` is an address or a name."""

    name: str
    kind: int
    value: str
    ttl: int = 60

    def wire(self) -> bytes:
        data = ip_address(self.value).packed if self.kind in (A, AAAA) else _name(self.value)
        return _name(self.name) + struct.pack("!HHIH", self.kind, 1, self.ttl, len(data)) + data


def parse(data: bytes) -> Question | None:
    """The one question of a query; None for anything else."""
    if len(data) < _HEAD.size:
        return None
    number, flags, questions, *_ = _HEAD.unpack_from(data)
    if flags & _RESPONSE or questions != 1:
        return None
    labels, at = _labels(data)
    if at + 4 > len(data):
        return None
    (kind,) = struct.unpack_from("!H", data, at)
    return Question(number, flags, ".".join(labels).lower(), kind, data[_HEAD.size : at + 4])


def _labels(data: bytes) -> tuple[list[str], int]:
    """The labels after the head and where they end; beyond the data when they make no sense."""
    labels, at = [], _HEAD.size
    while at < len(data) and (length := data[at]):
        if length > _LONGEST_LABEL:
            return [], len(data)
        labels.append(data[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return labels, at + 1


def render(question: Question, rcode: int, records: tuple[Record, ...] = (), *, truncated: bool = False) -> bytes:
    """The answer to a question."""
    flags = _RESPONSE | _AUTHORITATIVE | _RECURSION | (question.flags & _RECURSION_WANTED) | rcode
    head = _HEAD.pack(question.id, flags | (_TRUNCATED if truncated else 0), 1, len(records), 0, 0)
    return head + question.raw + b"".join(record.wire() for record in records)


def _name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in text.split(".")) + b"\0"
