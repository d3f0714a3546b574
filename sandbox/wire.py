"""Just enough HTTP/1.1 to read requests and write answers without hiding the socket from the faults."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import orjson

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024
_BODILESS = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class BadRequest(ValueError):
    """The bytes are no request we can read; the connection ends with `status`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Request(msgspec.Struct, frozen=True):
    """One request; header names are lower-case, `path` is percent-decoded, `query` is raw."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool

    def parameters(self) -> dict[str, str]:
        """The query as a dictionary; the last of several equal names wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


class Answer(msgspec.Struct, frozen=True):
    """What a service says, before any fault; `effect` is what it changed, for the journal."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    effect: dict[str, Any] | None = None
    delay_ms: float = 0


def json_answer(
    payload: object, status: int = 200, effect: dict[str, Any] | None = None, delay_ms: float = 0
) -> Answer:
    return Answer(status, orjson.dumps(payload), effect=effect, delay_ms=delay_ms)


def render(answer: Answer, request: Request) -> bytes:
    """The whole answer with its true length."""
    body = b"" if request.method == "HEAD" else answer.body
    return head(answer, len(answer.body), keep_alive=request.keep_alive) + body


def head(answer: Answer, length: int | None, *, keep_alive: bool) -> bytes:
    """The head alone; `length` None leaves the end of the body to the end of the connection."""
    phrase = _PHRASES.get(answer.status, "Unknown")
    lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Type: {answer.content_type}"]
    if length is not None and answer.status not in _BODILESS:
        lines.append(f"Content-Length: {length}")
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    lines.extend(f"{name}: {value}" for name, value in answer.headers.items())
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class Parser:
    """Cuts the bytes of one connection into requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, None while bytes are missing; raises BadRequest."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadRequest(431, "the head is too long")
            return None
        method, target, version, headers = _parse_head(self._buffer[:end].decode("latin-1"))
        found = self._body(headers, end + 4)
        if found is None:
            return None
        body, used = found
        del self._buffer[:used]
        path, _, query = target.partition("?")
        return Request(method, unquote(path), query, headers, body, _keeps_alive(version, headers))

    def _body(self, headers: dict[str, str], start: int) -> tuple[bytes, int] | None:
        """The body and where it ends in the buffer, None while bytes are missing."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked(start)
        length = _length(headers.get("content-length", "0"))
        if len(self._buffer) < start + length:
            return None
        return bytes(self._buffer[start : start + length]), start + length

    def _chunked(self, at: int) -> tuple[bytes, int] | None:
        body = bytearray()
        while (line_end := self._buffer.find(b"\r\n", at)) >= 0:
            size = _length(self._buffer[at:line_end].decode("latin-1").partition(";")[0], base=16)
            after = line_end + 2 + size
            if len(self._buffer) < after + 2:
                return None
            if size == 0:
                return bytes(body), after + 2
            body += self._buffer[line_end + 2 : after]
            _refuse_beyond(len(body))
            at = after + 2
        return None


def _parse_head(text: str) -> tuple[str, str, str, dict[str, str]]:
    first, *rest = text.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not parts[1].startswith("/"):
        raise BadRequest(400, "the request line is not HTTP/1")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest(400, "a header line has no colon")
        headers[name.lower()] = value.strip()
    return parts[0], parts[1], parts[2], headers


def _length(text: str, base: int = 10) -> int:
    try:
        length = int(text.strip(), base)
    except ValueError:
        raise BadRequest(400, "the length is no number") from None
    if length < 0:
        raise BadRequest(400, "the length is negative")
    _refuse_beyond(length)
    return length


def _refuse_beyond(length: int) -> None:
    if length > MAX_BODY:
        raise BadRequest(413, "the body is too long")


def _keeps_alive(version: str, headers: dict[str, str]) -> bool:
    wish = headers.get("connection", "").lower()
    return wish == "keep-alive" if version == "HTTP/1.0" else wish != "close"
