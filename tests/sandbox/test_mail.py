"""The sandbox's mail server, spoken to by our own client and by a careless one."""

from __future__ import annotations

import smtplib
from urllib.parse import urlsplit

import pytest
import requests

from integrations.errors import OutcomeUnknown, RateLimited, Rejected
from integrations.smtp import Mail, Server, Smtp
from sandbox.server import Refused, Sandbox

MAIL = Mail("payout.17", "Signalbox <noreply@signalbox.example>", "zoe@pub.example", "Grüße", "Hello\n.\n..dots\n")


def send(sandbox: Sandbox, mail: Mail = MAIL) -> None:
    Smtp(Server.parse(sandbox.smtp_url)).send(mail)


def test_a_letter_arrives_whole_and_is_in_the_journal(sandbox: Sandbox) -> None:
    send(sandbox)
    (letter,) = sandbox.letters()
    assert (letter["sender"], letter["recipient"]) == ("noreply@signalbox.example", "zoe@pub.example")
    assert (letter["subject"], letter["text"]) == ("Grüße", "Hello\n.\n..dots\n")
    assert letter["message_id"] == "<payout.17@signalbox.example>"
    (row,) = sandbox.journal("mail")
    assert (row["method"], row["status"], row["effect"]["letter"]) == ("DATA", 250, 1)


def test_letters_can_be_read_over_http(sandbox: Sandbox) -> None:
    send(sandbox)
    answer = requests.get(f"{sandbox.url}/mail/letters")
    assert answer.json()["letters"][0]["subject"] == "Grüße"


@pytest.mark.parametrize(
    ("changes", "outcome", "delivered"),
    [({"rcpt": "550 no"}, Rejected, 0), ({"rcpt": "451 later"}, RateLimited, 0), ({"data": "554 spam"}, Rejected, 0),
     ({"drop_after_dot": True}, OutcomeUnknown, 1)],
)  # fmt: skip
def test_it_refuses_and_breaks_off_as_it_is_told(
    sandbox: Sandbox, changes: dict[str, object], outcome: type[Exception], delivered: int
) -> None:
    sandbox.edit("mail", "settings", **changes)
    with pytest.raises(outcome):
        send(sandbox)
    assert len(sandbox.letters()) == delivered


def test_a_repetition_after_a_lost_answer_is_recognised_by_its_message_id(sandbox: Sandbox) -> None:
    sandbox.edit("mail", "settings", drop_after_dot=True)
    with pytest.raises(OutcomeUnknown):
        send(sandbox)
    sandbox.edit("mail", "settings", drop_after_dot=False)
    send(sandbox)
    assert [row["fault"] for row in sandbox.journal("mail")] == ["drop_after_dot", None]
    assert len({letter["message_id"] for letter in sandbox.letters()}) == 1


def test_a_careless_client_is_found_out_by_two_letters_with_two_ids(sandbox: Sandbox) -> None:
    for number in range(2):
        send(sandbox, Mail(f"try.{number}", MAIL.sender, MAIL.recipient, MAIL.subject, MAIL.text))
    assert len({letter["message_id"] for letter in sandbox.letters()}) == 2


def test_commands_out_of_order_and_unknown_ones_are_refused(sandbox: Sandbox) -> None:
    parts = urlsplit(sandbox.smtp_url)
    with smtplib.SMTP(parts.hostname or "", parts.port or 0, "me", timeout=60) as client:
        assert [client.docmd(*words)[0] for words in (("DATA",), ("RCPT", "TO:<a@b.example>"), ("VRFY", "a"))] == [
            503, 503, 502,
        ]  # fmt: skip
        assert client.docmd("MAIL", "FROM:nobody")[0] == 501
        assert client.noop()[0] == client.rset()[0] == 250


def test_a_stock_client_is_served_and_a_reset_empties_the_mailbox(sandbox: Sandbox) -> None:
    parts = urlsplit(sandbox.smtp_url)
    with smtplib.SMTP(parts.hostname or "", parts.port or 0, "me", timeout=60) as client:
        client.sendmail("a@x.example", ["b@x.example", "c@x.example"], b"Subject: s\r\n\r\n.dot\r\n")
        client.sendmail("a@x.example", ["b@x.example"], b"")
    assert [letter["recipient"] for letter in sandbox.letters()] == ["b@x.example", "c@x.example", "b@x.example"]
    assert sandbox.letters()[0]["text"] == ".dot\n"
    sandbox.reset()
    assert sandbox.letters() == []


def test_a_wrong_setting_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="rctp"):
        sandbox.edit("mail", "settings", rctp="550")
    with pytest.raises(Refused, match="letter 7"):
        sandbox.edit("mail", "letter 7")
