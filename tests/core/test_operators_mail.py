"""Mail to operators while the chat is silent: who gets it when, about what, and what happens when mail fails too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import alerts, operators_mail
from core.alerts import Severity
from integrations.errors import Unavailable
from models import alert_edits, incidents
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, open_room
from tests.mailbox import Mailbox
from worker.alerts import remind_of_alerts


@pytest.fixture
def room(sqlite_database: Any, settings_env: SettingsEnv, box: Mailbox) -> Iterator[Room]:
    mail = {"SMTP_URL": box.url, "OPERATORS_MAIL": "ops@example.com", "MAIL_FROM": "s@example.com"}
    with open_room(settings_env, **mail) as made:
        yield made


def unsafe(key: str = "c4.example", severity: Severity = Severity.CRITICAL) -> None:
    alerts.raise_alert("unsafe", key, severity, {"object": key})


def outage() -> bool:
    found = alert_edits.latest("telegram_down", "telegram")
    return found is not None and found.open


def test_what_the_chat_missed_for_two_minutes_is_mailed_once_and_news_are_mailed_again(
    room: Room, box: Mailbox
) -> None:
    unsafe()
    assert operators_mail.tell_untold() == 0
    room.pass_time(minutes=2, seconds=1)
    assert [operators_mail.tell_untold() for _ in range(3)] == [1, 0, 0]
    [letter] = box.mails
    assert letter["Subject"] == "Signalbox: 1 incident not told in Telegram"
    assert "UNSAFE  c4[.]example" in letter.get_content()
    assert outage()
    unsafe("c5.example", Severity.WARNING)
    unsafe("c6.example", Severity.INFO)
    room.pass_time(minutes=3)
    assert operators_mail.tell_untold() == 1
    assert "c5[.]example" in box.mails[1].get_content()


def test_incidents_that_were_gathered_for_the_chat_are_mailed_as_well(room: Room, box: Mailbox) -> None:
    for number in range(8):
        unsafe(f"c{number}.example")
    room.pass_time(minutes=3)
    alerts.gather_backlog()
    assert operators_mail.tell_untold() == 8
    assert box.mails[0]["Subject"] == "Signalbox: 8 incidents not told in Telegram"


def test_when_the_chat_has_caught_up_the_outage_is_over(room: Room, box: Mailbox) -> None:
    unsafe()
    room.pass_time(minutes=3)
    operators_mail.tell_untold()
    room.work([incidents.open_ones(1)[0].id])
    assert operators_mail.tell_untold() == 0
    assert not outage()
    assert len(box.raw) == 1


def test_a_mail_that_got_lost_is_sent_again_and_does_not_hold_up_the_reminder(
    room: Room, box: Mailbox, stub_broker: Any
) -> None:
    unsafe()
    room.pass_time(minutes=3)
    box.data = "451 4.3.0 later"
    with pytest.raises(Unavailable):
        operators_mail.tell_untold()
    assert remind_of_alerts() == 1
    assert not outage()
    box.data = ""
    operators_mail._smtp.cache_clear()
    remind_of_alerts()
    assert len(box.raw) == 1


@pytest.mark.parametrize("missing", ["OPERATORS_MAIL", "TELEGRAM_BOT_TOKEN", "SMTP_URL"])
def test_without_an_address_a_bot_or_a_server_nobody_is_mailed(
    room: Room, box: Mailbox, monkeypatch: pytest.MonkeyPatch, settings_env: SettingsEnv, missing: str
) -> None:
    monkeypatch.delenv(missing)
    settings_env()
    unsafe()
    room.pass_time(minutes=3)
    if missing == "SMTP_URL":
        with pytest.raises(Unavailable, match="SMTP_URL is not set"):
            operators_mail.tell_untold()
    else:
        assert operators_mail.tell_untold() == 0
    assert (box.raw, outage()) == ([], False)
