"""SMTP in our words: one mail to one recipient, and every answer of the server as one of our outcomes."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from config.clock import monotonic, now
from integrations.errors import OutcomeUnknown, OutsideError, RateLimited, Rejected, Unauthorized, Unavailable

CONNECT_SECONDS = 10.0
DATA_SECONDS = 60.0
AGAIN_SECONDS = 300.0
"""Greylisting lets a mail pass some minutes later, and a host that said 421 wants to be left alone as long."""
_PORTS = {"smtp": 587, "smtps": 465}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_ENHANCED = re.compile(rb"\b([245]\.\d{1,3}\.\d{1,3})\b")
_KEY_REFUSED = frozenset({530, 534, 535, 538})
_GO_AHEAD = 354


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one recipient; a repetition carries the same `message_id`, by which mailboxes collapse it.

    `sender` may be `Name <address>`; `message_id` is its part before the @. Raises Rejected for what no mail can hold.
    """

    message_id: str
    sender: str
    recipient: str
    subject: str
    text: str

    def __post_init__(self) -> None:
        for name in ("message_id", "sender", "recipient", "subject"):
            if _CONTROL.search(getattr(self, name)):
                raise Rejected("bad_header", f"the {name} holds a line break or control character")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over. `encrypted`: at once (smtps), by STARTTLS, or not at all, which only loopback may."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    encrypted: str = "starttls"

    @classmethod
    def parse(cls, url: str) -> Server:
        """From smtp://user:password@host:587 or smtps://; raises ValueError without repeating any of it."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or not _has_port(parts):
            raise ValueError("SMTP_URL: write it as smtp://user:password@mail.example.com:587")
        encrypted = "smtps" if parts.scheme == "smtps" else "no" if _is_loopback(parts.hostname) else "starttls"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, parts.port or _PORTS[parts.scheme], user, password, encrypted)


class Smtp:
    """Hands mails to one server; after 421 or a refused password it leaves the server alone for five minutes."""

    def __init__(
        self, server: Server, *, ca_bundle: Path | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._server, self._ca_bundle, self._clock = server, ca_bundle, clock
        self._not_before = float("-inf")

    def send(self, mail: Mail) -> None:
        """Return once the server has taken the mail; raises an outcome of `integrations.errors`.

        OutcomeUnknown: the whole mail was sent and no answer came. Texts hold codes, never addresses.
        """
        data, sender, recipient = _wire_form(mail)
        if (left := self._not_before - self._clock()) > 0:
            raise RateLimited("smtp: the server asked to be left alone", retry_after=left, sent=False)
        try:
            with self._connection(sender.rpartition("@")[2]) as smtp:
                _expect(smtp.mail(sender, [f"size={len(data)}"] if smtp.has_extn("size") else []), "MAIL", {250})
                _expect(smtp.rcpt(recipient), "RCPT", {250, 251})
                _expect(smtp.docmd("DATA"), "DATA", {_GO_AHEAD})
                _hand_over(smtp, data)
        except OutsideError as error:
            self._back_off(error)
            raise

    def probe(self) -> str:
        """Connect, encrypt and log in without sending anything; in words."""
        with self._connection("localhost"):
            return f"{self._server.host}:{self._server.port} answers"

    def _back_off(self, error: OutsideError) -> None:
        if isinstance(error, Unauthorized) or "smtp_421" in str(error):
            self._not_before = self._clock() + AGAIN_SECONDS

    @contextmanager
    def _connection(self, greeting: str) -> Iterator[smtplib.SMTP]:
        smtp = None
        try:
            smtp = self._connect(greeting)
            self._log_in(smtp)
            yield smtp
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error, "greeting") from None
        except ssl.SSLCertVerificationError:
            raise Unavailable("smtp: the server's certificate is not valid") from None
        except smtplib.SMTPNotSupportedError:
            raise Unavailable("smtp: the server does not offer the login that SMTP_URL asks for") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable(f"smtp: {type(error).__name__}", timed_out=isinstance(error, TimeoutError)) from None
        finally:
            _leave(smtp)

    def _connect(self, greeting: str) -> smtplib.SMTP:
        server, tls = self._server, self._tls
        if server.encrypted == "smtps":
            return smtplib.SMTP_SSL(server.host, server.port, greeting, timeout=CONNECT_SECONDS, context=tls())
        smtp = smtplib.SMTP(server.host, server.port, greeting, timeout=CONNECT_SECONDS)
        if server.encrypted == "starttls":
            self._encrypt(smtp)
        return smtp

    def _encrypt(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.ehlo_or_helo_if_needed()
            if not smtp.has_extn("starttls"):
                raise Unavailable("smtp: the server offers no STARTTLS; nothing is sent in clear text")
            _expect(smtp.starttls(context=self._tls()), "STARTTLS", {220})
        except BaseException:
            smtp.close()
            raise

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._ca_bundle) if self._ca_bundle else None)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if self._server.user:
            smtp.login(self._server.user, self._server.password)


def _hand_over(smtp: smtplib.SMTP, data: bytes) -> None:
    """From the first byte of the mail on, silence no longer says that nothing happened."""
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(DATA_SECONDS)
        smtp.send(data)
        answer = smtp.getreply()
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        raise OutcomeUnknown("smtp: no answer to the mail", timed_out=isinstance(error, TimeoutError)) from None
    _expect(answer, "mail", {250})


def _expect(answer: tuple[int, bytes], step: str, good: set[int]) -> None:
    code, text = answer
    if code == -1:
        raise Unavailable(f"smtp: no answer to {step}", sent=True)
    if code not in good:
        raise _refusal(code, text, step)


def _refusal(code: int, text: bytes | str, step: str) -> OutsideError:
    """First digit 4: later; 5: never. The server's words may repeat the address, so only its codes are kept."""
    words = text if isinstance(text, bytes) else text.encode(errors="replace")
    found = _ENHANCED.search(words)
    detail = f"{step} refused" + (f" {found[1].decode()}" if found else "")
    if code in _KEY_REFUSED:
        return Unauthorized(f"smtp_{code}", detail, status=code)
    if 500 <= code < 600:
        return Rejected(f"smtp_{code}", detail, status=code)
    return RateLimited(f"smtp_{code}: {detail}", retry_after=AGAIN_SECONDS)


def _leave(smtp: smtplib.SMTP | None) -> None:
    """Say goodbye without waiting for it."""
    if smtp is None:
        return
    try:
        smtp.putcmd("quit")
    except (smtplib.SMTPException, OSError):
        pass
    finally:
        smtp.close()


def _wire_form(mail: Mail) -> tuple[bytes, str, str]:
    name, address = parseaddr(mail.sender)
    sender, recipient = wire_address(address, "sender"), wire_address(mail.recipient, "recipient")
    message = EmailMessage(policy=WIRE)
    message["Message-ID"] = f"<{mail.message_id}@{sender.rpartition('@')[2]}>"
    message["Date"] = format_datetime(now())
    message["From"] = f'"{_quoted(name)}" <{sender}>' if name else sender
    message["To"] = recipient
    message["Subject"] = mail.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    return re.sub(rb"(?m)^\.", b"..", message.as_bytes()) + b".\r\n", sender, recipient


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def wire_address(address: str, what: str = "address") -> str:
    """The address with its domain in ASCII; raises Rejected, without repeating it, when no mail can go there."""
    local, _, domain = address.strip().rpartition("@")
    try:
        host = domain.encode("idna").decode().lower()
    except UnicodeError:
        host = ""
    if not _LOCAL_PART.fullmatch(local) or not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", host):
        raise Rejected("bad_address", f"the {what} is not an e-mail address that can be written to")
    return f"{local}@{host}"


def _has_port(parts: SplitResult) -> bool:
    """False for a port that is none; the library's error would quote it, and it may be half a password."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
