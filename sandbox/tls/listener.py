"""The TLS listener: looks at the name that is asked for, then shows the certificate, or the manners, of that host."""

from __future__ import annotations

import asyncio
import ssl

from sandbox.hosts import Hosts
from sandbox.journal import Journal
from sandbox.tls.certificates import VALID_DAYS, Certificates
from sandbox.wire import Answer, BadRequest, Parser, Request, render

SERVICE = "tls"
_MANNERS = frozenset({*VALID_DAYS, "none", "hang"})
_PAGE = b"<!doctype html><title>sandbox</title>a tracking domain"


class Front:
    """What all connections share. A fact `tls` or a label `tls<manner>.` names the manner of a host.

    A label `http<status>.` sets the status of its page, `httphang.` withholds the page.
    """

    def __init__(self, hosts: Hosts, certificates: Certificates, journal: Journal) -> None:
        self._hosts, self.certificates, self.journal = hosts, certificates, journal
        self.live: set[Door] = set()

    def manner(self, host: str) -> str:
        """`valid`, `3d`, `expired`, `wrong`, `self`, `none` or `hang`."""
        labels = [label.removeprefix("tls") for label in host.split(".") if label.startswith("tls")]
        words = [str(self._hosts.get(host).get("tls", "")).removeprefix("tls"), *labels]
        return next((word for word in words if word in _MANNERS), "valid")

    def status(self, host: str) -> int | None:
        """The status of the page, None for no page at all."""
        words = [label.removeprefix("http") for label in host.split(".") if label.startswith("http")]
        if "hang" in words:
            return None
        return next((int(word) for word in words if word.isdecimal() and len(word) == 3), 200)


class Door(asyncio.Protocol):
    """One connection; the encryption is done here by hand, because a host may refuse to do it."""

    _transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front = front
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._host = ""
        self._manner: str | None = None
        self._greeted = False
        self._parser = Parser()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._named
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._front.live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.live.discard(self)

    def abort(self) -> None:
        self._transport.abort()

    def _named(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        self._host = (name or "").lower()
        self._manner = self._front.manner(self._host)
        kind = self._manner if self._manner in VALID_DAYS else "valid"
        tls.context = self._front.certificates.context(self._host or "sandbox.test", kind)

    def data_received(self, data: bytes) -> None:
        self._in.write(data)
        try:
            self._advance()
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, BadRequest):
            self._flush()
            return self._transport.close()
        return self._front.journal.when_written(self._flush)

    def _advance(self) -> None:
        if not self._greeted:
            self._tls.do_handshake()
            self._greeted = True
        while True:
            piece = self._tls.read(16 * 1024)
            if not piece:
                return self._transport.close()
            self._parser.feed(piece)
            while request := self._parser.next():
                self._serve(request)

    def _serve(self, request: Request) -> None:
        status = self._front.status(self._host)
        self._front.journal.append(SERVICE, request, status, None, None)
        if status is None:
            return
        self._tls.write(render(Answer(status, _PAGE, "text/html"), request))

    def _flush(self) -> None:
        """Send what the encryption has ready, in the manner of the host."""
        if self._manner == "hang" or self._transport.is_closing():
            return
        if self._manner == "none":
            self._transport.write(b"HTTP/1.0 400 Bad Request\r\n\r\nthis is no place for TLS\r\n")
            self._transport.close()
        else:
            self._transport.write(self._out.read())
