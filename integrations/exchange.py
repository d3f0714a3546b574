"""One attempt at a call: how long it may still take, and whether anything of it has been sent."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from config.clock import monotonic

_running = threading.local()


@dataclass(slots=True)
class Exchange:
    """`connect` and `read` are seconds for one step, `ends_at` is the monotonic instant at which all must be over."""

    connect: float
    read: float
    ends_at: float
    most_bytes: int
    clock: Callable[[], float] = monotonic
    sent: bool = False
    timed_out: bool = False
    received: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make this the exchange that the connections of this thread obey."""
        _running.exchange = self
        try:
            yield
        finally:
            del _running.exchange

    def wait(self, most: float) -> float:
        """Seconds that the next step may take; raises TimeoutError when the deadline has passed."""
        left = self.ends_at - self.clock()
        if left <= 0:
            self.timed_out = True
            raise TimeoutError("total deadline passed")
        return min(most, left)

    @contextmanager
    def step(self, sock: socket.socket, most: float) -> Iterator[None]:
        """One operation of a socket within the deadline."""
        sock.settimeout(self.wait(most))
        try:
            yield
        except TimeoutError:
            self.timed_out = True
            raise

    def count(self, received: int) -> None:
        """Account for bytes off the wire; raises OSError beyond the cap (floods of headers or trailers)."""
        self.received += received
        if self.received > self.most_bytes:
            raise OSError("answer longer than allowed")

    def open_socket(self, host: str, port: int, options: Any) -> socket.socket:
        """Connect to the first address that answers; the name lookup and all addresses share one connect timeout."""
        try:
            return _connect(host, port, options, self)
        except TimeoutError:
            self.timed_out = True
            raise


def current() -> Exchange:
    """The exchange that this thread is running."""
    exchange: Exchange = _running.exchange
    return exchange


class PacedReader(io.RawIOBase):
    """Reads a socket so that the total deadline holds for every byte: a byte a second never trips a read timeout."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock, self._exchange = sock, exchange
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        with self._exchange.step(self._sock, self._exchange.read):
            received = self._raw.readinto(buffer)
        self._exchange.count(received or 0)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


def _connect(host: str, port: int, options: Any, exchange: Exchange) -> socket.socket:
    ends_at = exchange.clock() + exchange.wait(exchange.connect)
    failure: OSError = socket.gaierror("no address")
    for family, kind, proto, _, address in _addresses(host, port, ends_at - exchange.clock()):
        try:
            return _connect_to(family, kind, proto, address, options, ends_at - exchange.clock())
        except OSError as error:
            failure = error
    raise failure


def _connect_to(family: int, kind: int, proto: int, address: Any, options: Any, seconds: float) -> socket.socket:
    if seconds <= 0:
        raise TimeoutError("connect timeout passed")
    sock = socket.socket(family, kind, proto)
    try:
        for option in options or ():
            sock.setsockopt(*option)
        sock.settimeout(seconds)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _addresses(host: str, port: int, seconds: float) -> list[tuple[Any, ...]]:
    """getaddrinfo has no timeout of its own, so a name that is not a number is looked up beside this thread."""
    bare = host.strip("[]")
    try:
        return socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    answer: SimpleQueue[list[tuple[Any, ...]] | OSError] = SimpleQueue()
    threading.Thread(target=_look_up, args=(bare, port, answer), name="name-lookup", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        raise TimeoutError("name lookup timed out") from None
    if isinstance(found, OSError):
        raise found
    return found


def _look_up(host: str, port: int, answer: SimpleQueue[list[tuple[Any, ...]] | OSError]) -> None:
    try:
        answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        answer.put(error)
    except UnicodeError:
        answer.put(socket.gaierror("not a host name"))
