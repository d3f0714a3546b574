"""A resolver on one port, over UDP and TCP; every question is in the journal before its answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from sandbox.dns import wire
from sandbox.dns.zone import Say, Zone
from sandbox.journal import Journal
from sandbox.wire import Request

SERVICE = "dns"
_LENGTH_BYTES = 2


class Resolver:
    """Resolver 1, 2 or 3: answers from the zone."""

    def __init__(self, upstream: int, zone: Zone, journal: Journal) -> None:
        self.upstream = upstream
        self._zone, self._journal = zone, journal
        self._streams: set[asyncio.Transport] = set()
        self._open: list[asyncio.BaseTransport | asyncio.AbstractServer] = []

    async def listen(self, datagrams: socket.socket, streams: socket.socket) -> None:
        """Serve on two bound sockets."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        server = await loop.create_server(lambda: _Stream(self, self._streams), sock=streams)
        self._open = [transport, server]

    def close(self) -> None:
        for one in self._open:
            one.close()
        for stream in list(self._streams):
            stream.abort()

    def answer(self, data: bytes, send: Callable[[bytes], None], *, tcp: bool) -> None:
        """Call `send` with the answer, now, later, or never."""
        question = wire.parse(data)
        if question is None:
            return
        # a question that wants no recursion is meant for the name server of the zone, which lives here too
        said = self._zone.say(self.upstream if question.recursive else 0, question.name, question.kind)
        self._record(question, said, tcp=tcp)
        if said.silent:
            return
        cut = said.tcp_only and not tcp
        reply = wire.render(question, said.rcode, () if cut else said.records, truncated=cut)
        if said.delay_ms:
            asyncio.get_running_loop().call_later(said.delay_ms / 1000, send, reply)
        else:
            self._journal.when_written(lambda: send(reply))

    def _record(self, question: wire.Question, said: Say, *, tcp: bool) -> None:
        kind = wire.KINDS.get(question.kind, str(question.kind))
        query = f"upstream={self.upstream}&type={kind}"
        request = Request("TCP" if tcp else "UDP", f"/{question.name}", query, {}, b"", keep_alive=True)
        self._journal.append(SERVICE, request, None if said.silent else said.rcode, None, None)


class _Datagrams(asyncio.DatagramProtocol):
    _transport: asyncio.DatagramTransport

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # not an instance: asyncio's transport of datagrams is only shaped like one
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._resolver.answer(data, lambda reply: self._send(reply, addr), tcp=False)

    def _send(self, reply: bytes, addr: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(reply, addr)


class _Stream(asyncio.Protocol):
    _transport: asyncio.Transport

    def __init__(self, resolver: Resolver, live: set[asyncio.Transport]) -> None:
        self._resolver, self._live = resolver, live
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._live.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._live.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            if len(self._buffer) < end:
                return
            question, self._buffer = self._buffer[_LENGTH_BYTES:end], self._buffer[end:]
            self._resolver.answer(question, self._send, tcp=True)

    def _send(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(len(reply).to_bytes(_LENGTH_BYTES, "big") + reply)
