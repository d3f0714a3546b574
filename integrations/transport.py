"""Carries one request over requests and urllib3, and says what came back or how it was lost; decides nothing."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from integrations import body as bodies
from integrations.exchange import Exchange, PacedReader, current

FAULTS = (requests.RequestException, HTTPError, http.client.HTTPException, OSError)
ERROR_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with its headers and body; `complete` is False when the body was longer than the cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. `sent` is False when provably no byte of the request left; `detail` may still hold secrets."""

    detail: str
    sent: bool
    timed_out: bool
    certificate: bool


def new_session() -> requests.Session:
    """A session without retries, redirects, cookies, proxies or .netrc; for one thread only."""
    session = _Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


def fetch(
    session: requests.Session, request: PreparedRequest, exchange: Exchange, *, max_body: int, verify: str | bool
) -> Answer | Lost:
    """Send once and read the answer; a failure of the network is a value here, so that no exception keeps the URL."""
    with exchange.running():
        try:
            return _receive(session, request, exchange, max_body, verify)
        except FAULTS as error:
            text = f"{type(error).__name__}: {error}"
            late = exchange.timed_out or isinstance(error, requests.Timeout)
            return Lost(text, exchange.sent, late, "CERTIFICATE_VERIFY_FAILED" in text)


def _receive(
    session: requests.Session, request: PreparedRequest, exchange: Exchange, max_body: int, verify: str | bool
) -> Answer:
    timeout = (exchange.connect, exchange.read)
    response = session.send(request, stream=True, timeout=timeout, allow_redirects=False, verify=verify)
    try:
        body, complete = _read(response, max_body)
    finally:
        response.close()
    return Answer(response.status_code, response.headers, body, complete)


def _read(response: requests.Response, max_body: int) -> tuple[bytes, bool]:
    if 200 <= response.status_code < 300:
        return bodies.read(response.raw, max_body)
    with suppress(*FAULTS):  # the status already says what happened; its body is only an explanation
        return bodies.read(response.raw, ERROR_BODY)
    return b"", True


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Even with redirects off, requests reads the whole body of a redirect, without a limit, to prepare `next`."""
        return None


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_PacedSocket(sock), *args, **options)  # type: ignore[arg-type]  # it only calls makefile


class _PacedSocket:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(PacedReader(self._sock, current()))


class _Paced(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        try:
            return current().open_socket(self._dns_host, self.port, self.socket_options)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "connect timeout") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error

    def send(self, data: Any) -> None:
        """Every byte of a request passes here; from the first on it counts as sent."""
        if self.sock is None:
            self.connect()
        exchange = current()
        with exchange.step(self.sock, exchange.read):
            exchange.sent = True
            super().send(data)


class _PacedTls(_Paced, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Paced


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PacedTls


class _Adapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_minimum_version=ssl.TLSVersion.TLSv1_2, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
