"""A real SMTP server on the loopback that keeps what it takes and refuses, breaks off or stalls as it is told."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "opensesame"
LARGEST = 100_000
# it outlives tests and would write into logs of theirs that are closed
logging.getLogger("mail.log").setLevel(logging.WARNING)


@dataclass
class Mailbox:
    """What was delivered; `rcpt`, `sender` and `data` are answers in place of acceptance.

    `drop_after_dot`: the mail is kept, the answer never comes. `gate`: an acceptance waits until it is set.
    """

    rcpt: str = ""
    sender: str = ""
    data: str = ""
    drop_after_dot: bool = False
    gate: threading.Event | None = None
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """The SMTP_URL of this server."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[EmailMessage]:
        """What was delivered, read."""
        return [_read(raw) for raw in self.raw]

    def reset(self) -> None:
        """Forget everything."""
        self.__init__(port=self.port)  # type: ignore[misc]

    async def handle_MAIL(  # noqa: N802  the name is the library's
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt:
            return self.rcpt.replace("{address}", address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data:
            return self.data
        if self.gate is not None:
            self.arrived.set()
            await server.loop.run_in_executor(None, self.gate.wait, 30)
        self.raw.append(_bytes(envelope.content))
        self.recipients += envelope.rcpt_tos
        self.senders.append(str(envelope.mail_from))
        if self.drop_after_dot:
            server.transport.abort()
        return "250 OK"


def _bytes(content: bytes | str | None) -> bytes:
    assert isinstance(content, bytes)
    return content


def _read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


class _Server(Controller):
    """On a free port."""

    def factory(self) -> SMTP:
        return SMTP(self.handler, data_size_limit=LARGEST, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        listener: Any = self.server
        self.port = listener.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def _check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False, message=None if known else "535 5.7.8 no")


@contextmanager
def mailbox(*, tls: ssl.SSLContext | None = None, asks: bool = False) -> Iterator[Mailbox]:
    """A running server: with `tls` it offers STARTTLS, with `asks` a login, which PASSWORD passes."""
    box = Mailbox()
    more: dict[str, Any] = {"tls_context": tls} if tls else {}
    if asks:
        more |= {"authenticator": _check, "auth_require_tls": False}
    server = _Server(box, hostname="127.0.0.1", port=0, server_hostname="mail.test", ready_timeout=60, **more)
    server.start()
    try:
        box.port = server.port
        yield box
    finally:
        server.stop()
