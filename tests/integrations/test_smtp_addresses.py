"""What a mail's headers, addresses and the server's own address may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.errors import Rejected
from integrations.smtp import Mail, Server, wire_address

MAIL = Mail("payout.17", "Signalbox <noreply@signalbox.example>", "zoe@pub.example", "Your payout", "Hello\n")


@pytest.mark.parametrize("field", ["message_id", "sender", "recipient", "subject"])
@pytest.mark.parametrize("text", ["a\r\nBcc: b@evil.example", "a\nb", "a\rb", "a\0b", "a\u2028b"])
def test_no_header_can_be_smuggled_in(field: str, text: str) -> None:
    with pytest.raises(Rejected, match=field) as caught:
        replace(MAIL, **{field: text})
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["", "zoe", "@pub.example", "zoe@", "a b@pub.example", "<a@b.example>", "a@b@c.example", "a@b..example",
     "zoë@pub.example", "a@-b.example", "a,b@c.example", '"a b"@c.example', "a@b.example>", "x" * 65 + "@b.example",
     "a@" + "b" * 64 + ".example"],
)  # fmt: skip
def test_what_is_no_address_is_rejected_without_being_repeated(address: str) -> None:
    with pytest.raises(Rejected) as caught:
        wire_address(address)
    assert str(caught.value) == "bad_address: the address is not an e-mail address that can be written to"


@pytest.mark.parametrize(
    ("url", "encrypted", "port"),
    [
        ("smtp://mail.example.com", "starttls", 587),
        ("smtp://u:p%40ss@mail.example.com:2525", "starttls", 2525),
        ("smtps://mail.example.com", "smtps", 465),
        ("smtp://127.0.0.1:25", "no", 25),
        ("smtp://localhost", "no", 587),
        ("smtp://[::1]", "no", 587),
        ("smtp://10.0.0.1", "starttls", 587),
    ],
)
def test_only_loopback_goes_without_encryption(url: str, encrypted: str, port: int) -> None:
    server = Server.parse(url)
    assert (server.encrypted, server.port) == (encrypted, port)
    assert "p@ss" not in repr(server)


@pytest.mark.parametrize(
    "url", ["smtp://", "http://mail.example.com", "smtp://us:pa/ss@mail.example.com", "smtp://h:0"]
)
def test_an_unusable_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        Server.parse(url)
    assert str(caught.value) == "SMTP_URL: write it as smtp://user:password@mail.example.com:587"
