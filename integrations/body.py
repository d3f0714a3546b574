"""Reads answers that may be hostile: never more than the cap, never deeper than 64, never anything but UTF-8 JSON."""

from __future__ import annotations

from email.message import Message
from typing import Any

import orjson
from urllib3.response import BaseHTTPResponse

PIECE = 16 * 1024
DEEPEST = 64
# An empty container costs some 72 bytes of memory for 3 bytes of text; no real answer has one per 5 bytes.
BYTES_PER_CONTAINER = 5
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class Unreadable(ValueError):
    """A body that is not what the service promised; the message says why and quotes nothing of it."""


def read(raw: BaseHTTPResponse, cap: int) -> tuple[bytes, bool]:
    """At most `cap` decoded bytes, and whether that was all of them."""
    body = bytearray()
    for piece in raw.stream(PIECE, decode_content=True):
        body += piece
        if len(body) > cap:
            return bytes(body[:cap]), False
    return bytes(body), True


def parse_json(body: bytes, content_type: str = "") -> Any:
    """The value of a JSON body; raises Unreadable for anything empty, ill-formed, too deep or in another charset."""
    _check_charset(content_type)
    if not body.strip():
        raise Unreadable("empty body")
    containers = body.count(b"[") + body.count(b"{")
    if containers > max(len(body) // BYTES_PER_CONTAINER, DEEPEST):
        raise Unreadable("too many containers for its size")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"not JSON at byte {error.pos}") from None
    if containers > DEEPEST and _deeper_than(value, DEEPEST):
        raise Unreadable(f"nested deeper than {DEEPEST}")
    return value


def _check_charset(content_type: str) -> None:
    header = Message()
    header["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    charset = str(header.get_param("charset", "utf-8")).lower()
    if charset not in CHARSETS:
        raise Unreadable("wrong charset")


def _deeper_than(value: Any, most: int) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(most):
        level = [child for parent in level for child in _children(parent) if isinstance(child, (dict, list))]
    return bool(level)


def _children(parent: dict[str, Any] | list[Any]) -> Any:
    return parent.values() if isinstance(parent, dict) else parent
