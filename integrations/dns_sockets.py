"""Datagrams for the resolver library: connected, and without a transport, a queue and a task for each."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import dns.asyncbackend
import dns.exception
from dns._asyncbackend import Backend, DatagramSocket

LONGEST_DATAGRAM = 65_535


class Datagrams(DatagramSocket):
    """One question; the kernel drops what strangers send and tells when nobody listens."""

    def __init__(self, family: int, destination: tuple[Any, ...]) -> None:
        super().__init__(family, socket.SOCK_DGRAM)
        self._peer = destination
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(destination)
        except BaseException:
            self._socket.close()
            raise

    async def sendto(self, what: bytes, destination: tuple[Any, ...], timeout: float | None) -> int:  # noqa: ASYNC109
        self._peer = destination
        return self._socket.send(what)

    async def recvfrom(self, size: int, timeout: float | None) -> tuple[bytes, tuple[Any, ...]]:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.get_running_loop().sock_recv(self._socket, LONGEST_DATAGRAM), self._peer
        except TimeoutError:
            raise dns.exception.Timeout(timeout=timeout) from None  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        self._socket.close()


class Sockets(Backend):
    """The library's own way for TCP, ours for datagrams."""

    def __init__(self) -> None:
        self._usual: Any = dns.asyncbackend.get_backend("asyncio")

    def name(self) -> str:
        return "asyncio"

    async def make_socket(self, af: int, socktype: int, *args: Any, **options: Any) -> Any:
        if socktype != socket.SOCK_DGRAM:
            return await self._usual.make_socket(af, socktype, *args, **options)
        _, _, destination = args
        return Datagrams(af, destination)

    async def sleep(self, interval: float) -> None:
        await asyncio.sleep(interval)

    def datagram_connection_required(self) -> bool:
        return True

    async def wait_for(self, awaitable: Any, timeout: float | None) -> Any:  # noqa: ASYNC109
        return await self._usual.wait_for(awaitable, timeout)
