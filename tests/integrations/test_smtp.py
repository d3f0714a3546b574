"""Every answer that a mail server gives, over real sockets, as one of our outcomes; and what a mail looks like."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from config.clock import now
from integrations.errors import OutcomeUnknown, OutsideError, RateLimited, Rejected, Unauthorized, Unavailable
from integrations.smtp import AGAIN_SECONDS, Mail, Server, Smtp
from tests.mailbox import LARGEST, PASSWORD, Mailbox, mailbox

MAIL = Mail("payout.17", "Signalbox <noreply@signalbox.example>", "zoe@pub.example", "Your payout", "Hello\n.\nBye\n")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


def smtp(box: Mailbox) -> Smtp:
    return Smtp(Server.parse(box.url))


def outcome(box: Mailbox, mail: Mail = MAIL) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        smtp(box).send(mail)
    return caught.value


def test_a_mail_arrives_as_it_was_written(box: Mailbox) -> None:
    smtp(box).send(replace(MAIL, subject="Grüße – 5 €", text="Straße\n.\n..\n" + "x" * 2000 + "\n"))

    (mail,) = box.mails
    assert mail["Message-ID"] == "<payout.17@signalbox.example>"
    assert (mail["From"], mail["To"]) == ("Signalbox <noreply@signalbox.example>", "zoe@pub.example")
    assert mail["Subject"] == "Grüße – 5 €"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs((parsedate_to_datetime(mail["Date"]) - now()).total_seconds()) < 60
    assert mail.get_content().replace("\r\n", "\n") == "Straße\n.\n..\n" + "x" * 2000 + "\n"
    assert (box.recipients, box.senders) == (["zoe@pub.example"], ["noreply@signalbox.example"])


def test_only_the_domain_of_an_address_is_rewritten(box: Mailbox) -> None:
    smtp(box).send(replace(MAIL, recipient="O'Neil+x@Bücher.example", sender="Größe <a@bücher.example>"))

    assert box.recipients == ["O'Neil+x@xn--bcher-kva.example"]
    assert box.senders == ["a@xn--bcher-kva.example"]
    assert box.mails[0]["From"] == "Größe <a@xn--bcher-kva.example>"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ("550 5.1.1 <{address}>: no such user", Rejected, "smtp_550: RCPT refused 5.1.1"),
        ("553 no", Rejected, "smtp_553: RCPT refused"),
        ("450 4.2.1 later", RateLimited, "smtp_450: RCPT refused 4.2.1"),
        ("451 4.7.1 greylisted {address}", RateLimited, "smtp_451: RCPT refused 4.7.1"),
        ("421 closing", RateLimited, "smtp_421: RCPT refused"),
    ],
)
def test_a_refused_recipient(box: Mailbox, answer: str, kind: type[OutsideError], code: str) -> None:
    box.rcpt = answer
    found = outcome(box)
    assert (type(found), str(found), box.raw) == (kind, code, [])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("554 5.7.1 spam", Rejected),
        ("552 too big", Rejected),
        ("452 4.3.1 disk full", RateLimited),
        ("451 no", RateLimited),
    ],
)
def test_a_refused_mail(box: Mailbox, answer: str, kind: type[OutsideError]) -> None:
    box.data = answer
    assert type(outcome(box)) is kind
    assert box.raw == []


def test_a_temporary_refusal_asks_for_five_minutes_and_is_an_unavailable(box: Mailbox) -> None:
    box.rcpt = "451 greylisted"
    found = outcome(box)
    assert isinstance(found, Unavailable)
    assert found.retry_after == AGAIN_SECONDS


@pytest.mark.parametrize(
    ("answer", "kind"), [("552 over SIZE", Rejected), ("550 not you", Rejected), ("421 bye", RateLimited)]
)
def test_a_refused_sender(box: Mailbox, answer: str, kind: type[OutsideError]) -> None:
    box.sender = answer
    assert type(outcome(box)) is kind


def test_a_mail_above_the_size_that_the_server_announces_is_rejected(box: Mailbox) -> None:
    found = outcome(box, replace(MAIL, text="x" * LARGEST))
    assert (type(found), str(found)) == (Rejected, "smtp_552: MAIL refused")


def test_after_421_the_host_is_left_alone_for_five_minutes(box: Mailbox) -> None:
    at = [0.0]
    server = Smtp(Server.parse(box.url), clock=lambda: at[0])
    box.rcpt = "421 too many"
    with pytest.raises(RateLimited):
        server.send(MAIL)
    box.rcpt = ""

    at[0] = AGAIN_SECONDS - 1
    with pytest.raises(RateLimited, match="left alone") as caught:
        server.send(MAIL)
    assert (caught.value.retry_after, box.raw) == (1, [])

    at[0] = AGAIN_SECONDS
    server.send(MAIL)
    assert len(box.raw) == 1


def test_a_wrong_password_is_unauthorized_and_pauses_the_others() -> None:
    with mailbox(asks=True) as box:
        server = Smtp(Server.parse(f"smtp://us:wrong-secret@127.0.0.1:{box.port}"))
        with pytest.raises(Unauthorized) as caught:
            server.send(MAIL)
        assert "wrong-secret" not in str(caught.value)
        assert caught.value.status == 535
        with pytest.raises(RateLimited):
            server.send(MAIL)


def test_the_right_password_is_let_in() -> None:
    with mailbox(asks=True) as box:
        Smtp(Server.parse(f"smtp://us:{PASSWORD}@127.0.0.1:{box.port}")).send(MAIL)
        assert len(box.raw) == 1


def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        Smtp(Server.parse(f"smtp://127.0.0.1:{port}")).send(MAIL)


def test_a_server_that_never_greets_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.smtp.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unavailable):
        Smtp(Server.parse(f"smtp://127.0.0.1:{silent.getsockname()[1]}")).send(MAIL)


def test_a_server_that_hangs_up_before_the_mail_did_nothing() -> None:
    with _says(b"") as port, pytest.raises(Unavailable):
        Smtp(Server.parse(f"smtp://127.0.0.1:{port}")).send(MAIL)


@pytest.mark.parametrize(
    ("greeting", "kind"), [(b"421 busy\r\n", RateLimited), (b"554 no\r\n", Rejected), (b"?\r\n", Unavailable)]
)
def test_an_unwelcoming_greeting(greeting: bytes, kind: type[OutsideError]) -> None:
    with _says(greeting) as port, pytest.raises(kind):
        Smtp(Server.parse(f"smtp://127.0.0.1:{port}")).send(MAIL)


def test_a_disconnect_after_the_final_dot_leaves_the_outcome_unknown(box: Mailbox) -> None:
    box.drop_after_dot = True
    assert type(outcome(box)) is OutcomeUnknown
    box.drop_after_dot = False
    smtp(box).send(MAIL)

    assert len({mail["Message-ID"] for mail in box.mails}) == 1
    assert len(box.raw) == 2


def test_silence_after_the_final_dot_leaves_the_outcome_unknown(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.smtp.DATA_SECONDS", 0.2)
    box.gate = threading.Event()
    try:
        found = outcome(box)
    finally:
        box.gate.set()
    assert isinstance(found, OutcomeUnknown)


def test_without_starttls_nothing_is_sent_to_another_host(box: Mailbox) -> None:
    server = replace(Server.parse(box.url), encrypted="starttls", user="us", password=PASSWORD)
    with pytest.raises(Unavailable, match="STARTTLS"):
        Smtp(server).send(MAIL)
    assert box.raw == []


@pytest.mark.parametrize("trusted", [True, False])
def test_starttls_checks_the_certificate(certificate: Path, trusted: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mailbox(tls=context) as box:
        server = Smtp(replace(Server.parse(box.url), encrypted="starttls"), ca_bundle=certificate if trusted else None)
        if trusted:
            server.send(MAIL)
        else:
            with pytest.raises(Unavailable, match="certificate"):
                server.send(MAIL)
        assert len(box.raw) == trusted


class _says:  # noqa: N801  reads as a sentence where it is used
    """A server that greets so and hangs up; its port."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        visitor, _ = self._listener.accept()
        with visitor:
            visitor.sendall(self._greeting)
