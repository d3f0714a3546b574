"""Writes the answers of Safe Browsing as protobuf or JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from sandbox.reputation.listings import Listing

PROTOBUF = "application/x-protobuf"
UNKNOWN_THREAT = 99
THREATS = {
    "MALWARE": 1,
    "SOCIAL_ENGINEERING": 2,
    "UNWANTED_SOFTWARE": 3,
    "POTENTIALLY_HARMFUL_APPLICATION": 4,
}
ATTRIBUTES = {"CANARY": 1, "FRAME_ONLY": 2}


def hashes_protobuf(listings: Sequence[Listing], seconds: int) -> bytes:
    """A SearchHashesResponse."""
    return b"".join(_piece(1, _full_hash(one)) for one in listings) + _piece(2, _number(1, seconds))


def hashes_json(listings: Sequence[Listing], seconds: int) -> dict[str, Any]:
    """The same as JSON; an empty list is left out."""
    found = [{"fullHash": b64encode(one.digest).decode(), "fullHashDetails": _details(one)} for one in listings]
    return ({"fullHashes": found} if found else {}) | {"cacheDuration": f"{seconds}s"}


def urls_protobuf(threats: dict[str, list[str]], seconds: int) -> bytes:
    """A SearchUrlsResponse."""
    found = b""
    for url, names in threats.items():
        packed = b"".join(_varint(THREATS.get(name, UNKNOWN_THREAT)) for name in names)
        found += _piece(1, _piece(1, url.encode()) + _piece(2, packed))
    return found + _piece(2, _number(1, seconds))


def urls_json(threats: dict[str, list[str]], seconds: int) -> dict[str, Any]:
    """The same as JSON."""
    found = [{"url": url, "threatTypes": names} for url, names in threats.items()]
    return ({"threats": found} if found else {}) | {"cacheDuration": f"{seconds}s"}


def status_protobuf(code: int, message: str, reason: str) -> bytes:
    """A google.rpc.Status with one ErrorInfo."""
    info = _piece(1, b"type.googleapis.com/google.rpc.ErrorInfo") + _piece(2, _piece(1, reason.encode()))
    return _number(1, code) + _piece(2, message.encode()) + _piece(3, info)


def _full_hash(one: Listing) -> bytes:
    details = [_number(1, THREATS.get(name, UNKNOWN_THREAT)) + _attributes(one) for name in one.threats]
    return _piece(1, one.digest) + b"".join(_piece(2, detail) for detail in details)


def _attributes(one: Listing) -> bytes:
    packed = b"".join(_varint(ATTRIBUTES[name]) for name in one.attributes)
    return _piece(2, packed) if packed else b""


def _details(one: Listing) -> list[dict[str, Any]]:
    attributes = {"attributes": one.attributes} if one.attributes else {}
    return [{"threatType": name, **attributes} for name in one.threats]


def _piece(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
