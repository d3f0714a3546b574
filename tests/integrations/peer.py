"""A server of raw sockets whose behaviour is written byte by byte, for faults that no HTTP library would commit."""

from __future__ import annotations

import atexit
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

Behaviour = Callable[["Visit"], None]


@dataclass
class Peer:
    """Plays its behaviours, one per request, the last one for ever; keeps the raw requests."""

    behaviours: list[Behaviour]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        self.stopping.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self._threads:
            thread.join(5)

    def wait_until_closed(self) -> None:
        """Until every connection so far has been closed from here."""
        for thread in self._threads[1:]:
            thread.join(60)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(30)
        with suppress(OSError), self._secured(sock) as secured:
            while request := _read_request(secured, self.stopping):
                self.requests.append(request)
                behaviour = self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]
                visit = Visit(secured, request, self.stopping)
                behaviour(visit)
                if visit.closing:
                    return

    def _secured(self, sock: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(sock, server_side=True) if self.tls else sock


@dataclass
class Visit:
    """One request being answered."""

    sock: socket.socket
    request: bytes
    stopping: threading.Event
    closing: bool = False

    @property
    def body(self) -> bytes:
        return self.request.partition(b"\r\n\r\n")[2]


def _read_request(sock: socket.socket, stopping: threading.Event) -> bytes:
    data = b""
    while not stopping.is_set():
        head, found, rest = data.partition(b"\r\n\r\n")
        if found and len(rest) >= _length(head):
            sock.settimeout(30)
            return data
        sock.settimeout(0.05)
        try:
            piece = sock.recv(65536)
        except TimeoutError:
            continue
        if not piece:
            return b""
        data += piece
    return b""


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@contextmanager
def peer(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """A running peer; stopped, with all its threads, at the end."""
    server = Peer(list(behaviours), tls)
    try:
        yield server
    finally:
        server.stop()


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(status: int, body: bytes = b"", *headers: str) -> Behaviour:
    """Answers and keeps the connection."""

    def behave(visit: Visit) -> None:
        visit.sock.sendall(http(status, body, *headers))

    return behave


def raw(data: bytes) -> Behaviour:
    """Sends these bytes and closes."""

    def behave(visit: Visit) -> None:
        visit.closing = True
        visit.sock.sendall(data)

    return behave


def trickle(data: bytes, at_once: int, gap: float = 0.05) -> Behaviour:
    """Sends the first bytes at once and the rest one by one."""

    def behave(visit: Visit) -> None:
        visit.closing = True
        visit.sock.sendall(data[:at_once])
        for i in range(at_once, len(data)):
            if visit.stopping.wait(gap):
                return
            visit.sock.sendall(data[i : i + 1])

    return behave


def hang(visit: Visit) -> None:
    """Never answers."""
    visit.closing = True
    visit.stopping.wait(30)


def drop(visit: Visit) -> None:
    """Closes without a byte."""
    visit.closing = True


def reset(visit: Visit) -> None:
    """Sends RST."""
    visit.closing = True
    visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visit.sock.close()


def flood(head: bytes, block: bytes, times: int) -> Behaviour:
    """Sends a block over and over until the client has had enough."""

    def behave(visit: Visit) -> None:
        visit.closing = True
        visit.sock.sendall(head)
        for _ in range(times):
            if visit.stopping.is_set():
                return
            visit.sock.sendall(block)

    return behave


@cache
def free_port() -> int:
    """A port on which nothing listens, and which nobody else is given meanwhile, not even a connection to it."""
    held = socket.socket()
    atexit.register(held.close)
    held.bind(("127.0.0.1", 0))
    return int(held.getsockname()[1])


class SetClock:
    """A monotonic clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
