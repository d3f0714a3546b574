"""One client connection: requests in, deliveries out, with the socket in hand for the rough endings."""

from __future__ import annotations

import asyncio
import socket
import struct
from functools import partial

from sandbox.app import App
from sandbox.delivery import Delivery, Ending
from sandbox.wire import BadRequest, Parser, Request, json_answer, render

_NO_LINGER = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Answers one request after the other; a slow delivery plays in a task of its own."""

    _transport: asyncio.Transport

    def __init__(self, app: App, live: set[Connection]) -> None:
        self._app = app
        self._live = live
        self._parser = Parser()
        self._busy = False
        self._advancing = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._playing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._live.discard(self)
        if self._playing:
            self._playing.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        self._advance()

    def _advance(self) -> None:
        """Serve what has arrived; the flag keeps a pipeline of many requests from nesting as deep."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while not self._busy and not self._transport.is_closing():
                request = self._parser.next()
                if request is None:
                    break
                self._serve(request)
        except BadRequest as bad:
            self._refuse(bad)
        finally:
            self._advancing = False

    def _serve(self, request: Request) -> None:
        self._busy = True
        delivery = self._app.deliver(request)
        self._app.journal.when_written(partial(self._send, delivery))

    def _refuse(self, bad: BadRequest) -> None:
        nobody = Request("GET", "/", "", {}, b"", keep_alive=False)
        self._transport.write(render(json_answer({"error": str(bad)}, bad.status), nobody))
        self._transport.close()

    def _send(self, delivery: Delivery) -> None:
        if delivery.wait_ms or delivery.gap_ms or not isinstance(delivery.chunks, tuple):
            self._playing = asyncio.get_running_loop().create_task(self._play(delivery))
            return
        self._transport.writelines(delivery.chunks)
        self._end(delivery.ending)

    async def _play(self, delivery: Delivery) -> None:
        await asyncio.sleep(delivery.wait_ms / 1000)
        for chunk in delivery.chunks:
            await self._writable.wait()
            self._transport.write(chunk)
            if delivery.gap_ms:
                await asyncio.sleep(delivery.gap_ms / 1000)
        self._playing = None
        self._end(delivery.ending)

    def _end(self, ending: Ending) -> None:
        if ending is Ending.KEEP:
            self._busy = False
            self._advance()
        elif ending is Ending.CLOSE:
            self._transport.close()
        elif ending is Ending.RESET:
            self._reset()

    def _reset(self) -> None:
        """Closing with a linger time of zero makes the kernel send RST instead of FIN."""
        raw: socket.socket = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()
