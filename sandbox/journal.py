"""The record of every request, written before the answer leaves: the oracle of tests and chaos runs."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from config import clock
from sandbox.redaction import clean_body, clean_headers, clean_path, clean_query
from sandbox.wire import Request

KEPT_ROWS = 10_000
KEPT_BODY = 64 * 1024
KEPT_BODIES_TOTAL = 32 * 1024 * 1024


class Row(msgspec.Struct):
    """One request; `status` null: no answer was sent; `body` null: forgotten to bound the memory."""

    seq: int
    at: datetime
    service: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str | None
    status: int | None
    fault: str | None
    effect: dict[str, Any] | None


class Journal:
    """The last rows in memory, and all of them in `file` if there is one, synced to disk."""

    def __init__(self, file: Path | None = None) -> None:
        self._rows: deque[Row] = deque()
        self._seq = 0
        self._bodies: deque[Row] = deque()
        self._body_total = 0
        self._file: BinaryIO | None = file.open("ab", buffering=0) if file else None
        self._lines: list[bytes] = []
        self._waiting: list[Callable[[], None]] = []

    def append(
        self,
        service: str,
        request: Request,
        status: int | None,
        fault: str | None,
        effect: dict[str, Any] | None,
    ) -> None:
        """Record one request; its answer must wait for `when_written`."""
        self._seq += 1
        body = clean_body(request.body[:KEPT_BODY].decode("utf-8", "replace"))
        path, query, headers = clean_path(request.path), clean_query(request.query), clean_headers(request.headers)
        row = Row(self._seq, clock.now(), service, request.method, path, query, headers, body, status, fault, effect)
        if self._file:
            self._lines.append(msgspec.json.encode(row) + b"\n")
        self._keep(row)

    def _keep(self, row: Row) -> None:
        self._rows.append(row)
        self._bodies.append(row)
        self._body_total += len(row.body or "")
        if len(self._rows) > KEPT_ROWS:
            self._rows.popleft()
        while self._body_total > KEPT_BODIES_TOTAL or len(self._bodies) > KEPT_ROWS:
            self._forget_oldest_body()

    def _forget_oldest_body(self) -> None:
        oldest = self._bodies.popleft()
        self._body_total -= len(oldest.body or "")
        oldest.body = None

    def when_written(self, then: Callable[[], None]) -> None:
        """Call `then` once every row so far is safe: at once in memory, else after one sync for all that wait."""
        if not self._file:
            then()
            return
        self._waiting.append(then)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._sync)

    def _sync(self) -> None:
        self._write_lines()
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _write_lines(self) -> None:
        if self._file and self._lines:
            self._file.write(b"".join(self._lines))
            os.fsync(self._file.fileno())
            self._lines.clear()

    def rows(self, service: str | None = None, since: int = 0, path: str | None = None) -> list[dict[str, Any]]:
        """Rows with `seq` above `since`, oldest first; `path` is a glob over the whole path."""
        return [
            msgspec.to_builtins(row)
            for row in self._rows
            if row.seq > since and service in (None, row.service) and (path is None or fnmatchcase(row.path, path))
        ]

    def clear(self) -> None:
        """Forget the rows in memory; the file is evidence and stays."""
        self._rows.clear()
        self._bodies.clear()
        self._body_total = 0

    def close(self) -> None:
        self._write_lines()
        if self._file:
            self._file.close()
