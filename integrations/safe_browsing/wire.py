"""Reads the protobuf wire format, as much of it as the answer of a hash search needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

THREATS = {
    1: "MALWARE",
    2: "SOCIAL_ENGINEERING",
    3: "UNWANTED_SOFTWARE",
    4: "POTENTIALLY_HARMFUL_APPLICATION",
}
HASH_BYTES = 32
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


class Broken(ValueError):
    """Bytes that are no message of the expected kind; the text quotes none of them."""


class Found(NamedTuple):
    """Full hashes with the threats that count, and for how many seconds the answer holds."""

    threats: dict[bytes, frozenset[str]]
    seconds: int


def search_hashes(data: bytes) -> Found:
    """The answer of a hash search; raises Broken, also when it does not say how long it holds."""
    threats: dict[bytes, frozenset[str]] = {}
    seconds: int | None = None
    for number, value in fields(data):
        if number == 1:
            digest, counted = _full_hash(_bytes(value))
            threats[digest] = threats.get(digest, frozenset()) | counted
        elif number == 2:
            seconds = _duration(_bytes(value))
    if seconds is None:
        raise Broken("no cache duration")
    return Found(threats, seconds)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field, in the order of the bytes; raises Broken."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise Broken("field number 0")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
        else:
            piece, at = _piece(data, at, kind)
            yield number, piece


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if value >> 64:
                raise Broken("a number of more than 64 bits")
            return value, at + place + 1
    raise Broken("a number that does not end")


def _piece(data: bytes, at: int, kind: int) -> tuple[bytes, int]:
    if kind == BYTES:
        length, at = _varint(data, at)
    elif kind in _FIXED:
        length = _FIXED[kind]
    else:
        raise Broken(f"wire type {kind}")
    if length > len(data) - at:
        raise Broken("a field that ends behind the message")
    return data[at : at + length], at + length


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Broken("a number in place of bytes")
    return value


def _integer(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise Broken("bytes in place of a number")
    return value


def _full_hash(data: bytes) -> tuple[bytes, frozenset[str]]:
    digest = b""
    threats: set[str] = set()
    for number, value in fields(data):
        if number == 1:
            digest = _bytes(value)
        elif number == 2:
            threats |= _detail(_bytes(value))
    if len(digest) != HASH_BYTES:
        raise Broken("a full hash that is not 32 bytes long")
    return digest, frozenset(threats)


def _detail(data: bytes) -> set[str]:
    """Its threat, unless it is one we do not know or carries an attribute: both make the detail not count."""
    threat, plain = 0, True
    for number, value in fields(data):
        if number == 1:
            threat = _integer(value)
        elif number == 2:
            plain = False
    return {THREATS[threat]} if plain and threat in THREATS else set()


def _duration(data: bytes) -> int:
    """Whole seconds; a fraction is dropped, a negative number refused."""
    seconds = 0
    for number, value in fields(data):
        if number == 1:
            seconds = _integer(value)
    if seconds >> 63:
        raise Broken("a negative duration")
    return seconds
