"""Opens a tracking domain as a visitor would, and says whether anybody is at home."""

from __future__ import annotations

import http.client
import io
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from config.clock import monotonic
from integrations.exchange import Exchange, PacedReader
from integrations.tls import Tls, TlsFacts

READ_SECONDS = 10.0
MOST_BYTES = 64 * 1024
WIRE_OVERHEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Preview:
    """`status` is None when no answer came, also because the certificate is refused: `tls` tells."""

    status: int | None
    tls: TlsFacts
    body: bytes = b""

    @property
    def alive(self) -> bool:
        """Any answer below 500; what it says is the visitor's business."""
        return self.status is not None and self.status < 500


def look(host: str, addresses: Sequence[str], tls: Tls, user_agent: str = "signalbox") -> Preview:
    """GET https://<host>/ on the connection whose certificate was checked.

    Follows nothing and never raises for the network.
    """
    with tls.opened(host, addresses) as (secured, facts):
        if secured is None:
            return Preview(None, facts)
        try:
            status, body = _fetch(secured, host, user_agent)
        except (OSError, http.client.HTTPException):
            return Preview(None, facts)
        return Preview(status, facts, body)


def _fetch(secured: ssl.SSLSocket, host: str, user_agent: str) -> tuple[int, bytes]:
    exchange = Exchange(READ_SECONDS, READ_SECONDS, monotonic() + READ_SECONDS, MOST_BYTES + WIRE_OVERHEAD)
    with exchange.step(secured, READ_SECONDS):
        secured.sendall(_request(host, user_agent))
    answer = http.client.HTTPResponse(_Paced(secured, exchange))  # type: ignore[arg-type]  # it only calls makefile
    try:
        answer.begin()
        return answer.status, _body(answer)
    finally:
        answer.close()


def _request(host: str, user_agent: str) -> bytes:
    headers = {
        "Host": host,
        "User-Agent": user_agent,
        "Accept": "text/html,*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    return f"GET / HTTP/1.1\r\n{''.join(lines)}\r\n".encode("ascii")


def _body(answer: http.client.HTTPResponse) -> bytes:
    """The start of the page; the status already says that somebody is there, so a page cut short is no matter."""
    try:
        return answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


class _Paced:
    def __init__(self, secured: ssl.SSLSocket, exchange: Exchange) -> None:
        self._secured, self._exchange = secured, exchange

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(PacedReader(self._secured, self._exchange))
