"""The news of switches while the chat, a worker or the mail fails: none is lost, none is told twice without need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from core.domains import switch_news
from models import announcements
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT, Room
from tests.core.domains import yard
from tests.core.domains.yard import pipeline, read
from tests.mailbox import Mailbox
from tests.worker.domains.desk import Desk
from tests.worker.domains.telling import NEWS, row, sends, switch
from worker.alerts import remind_of_alerts
from worker.domains.news import announce_pipeline_switch
from worker.domains.steps import sweep_unfinished_switches


def test_after_an_unknown_send_the_message_comes_again_under_the_same_number(room: Room, desk: Desk) -> None:
    pipeline()
    room.sandbox.fault("telegram", {"type": "commit_then_drop"}, times=1)
    made = switch()
    desk.pass_time(40)
    first, second = room.texts()
    assert first.splitlines()[-1].partition("incident")[2] == second.splitlines()[-1].partition("incident")[2]
    assert row(made.id).message_id == room.messages()[1]["message_id"]
    assert sends(room) == 2


def test_a_chat_that_refuses_for_good_ends_the_step(room: Room, desk: Desk) -> None:
    pipeline()
    room.sandbox.edit("telegram", str(CHAT), state="kicked")
    made = switch()
    desk.pass_time(120)
    assert yard.steps(made.id)["telegram"] == "failed"
    assert (row(made.id).announced_at, sends(room)) == (None, 1)
    sweep_unfinished_switches()
    desk.work("announce_pipeline_switch")
    assert sends(room) == 1


@pytest.mark.parametrize("place", ["core.announcing.announce", "core.domains.switch_news._finish"])
def test_a_run_that_dies_is_finished_by_the_next_one(
    room: Room, desk: Desk, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    pipeline()
    made = switch()
    desk.lose()
    with monkeypatch.context() as death:
        death.setattr(place, die)
        with pytest.raises(Died):
            announce_pipeline_switch(made.id)
    desk.lose()
    room.pass_time(seconds=61)
    sweep_unfinished_switches()
    desk.work(*NEWS)
    assert (len(room.messages()), row(made.id).message_id) == (1, room.messages()[0]["message_id"])
    assert yard.steps(made.id)["telegram"] == "done"
    assert switch_news.unfinished() == []


def test_while_telegram_is_down_the_switch_stands_operators_are_mailed_and_it_is_told_later(
    room: Room, desk: Desk, settings_env: SettingsEnv, box: Mailbox
) -> None:
    settings_env(SMTP_URL=box.url, OPERATORS_MAIL="ops@example.com, anna@example.com", MAIL_FROM="s@example.com")
    fault = room.sandbox.fault("telegram", {"type": "status", "status": 503})
    pipeline()
    made = switch()
    desk.pass_time(115)
    remind_of_alerts()
    assert (read().active_domain, box.raw) == ("b.example", [])
    for _ in range(3):
        desk.pass_time(60)
        remind_of_alerts()
    assert box.recipients == ["ops@example.com", "anna@example.com"]
    text = box.mails[0].get_content()
    assert "SWITCHED  P: a[.]example -> b[.]example" in text
    assert (row(made.id).announced_at, room.messages()) == (None, [])
    room.sandbox.control("DELETE", f"faults/{fault}")
    desk.pass_time(120)
    remind_of_alerts()
    assert sum("SWITCHED" in text and "reply" not in text for text in room.texts()[:1]) == 1
    assert row(made.id).message_id == room.messages()[0]["message_id"]
    assert sum(message["reply_to"] is None for message in room.messages()) == 1
    assert len(box.raw) == 2
    assert now() - row(made.id).decided_at < timedelta(minutes=10)


def test_a_message_that_another_run_is_about_to_send_is_waited_for(room: Room, desk: Desk) -> None:
    pipeline()
    made = switch()
    switched = switch_news.find(made.id)
    assert switched is not None
    switch_news.note(switched)
    [alert_id] = switch_news.told_of(switched)
    assert announcements.claim(alert_id, now(), now() + timedelta(seconds=45))
    desk.work(*NEWS)
    assert (room.messages(), yard.steps(made.id)["telegram"]) == ([], "pending")
    desk.pass_time(50, *NEWS)
    assert (len(room.messages()), yard.steps(made.id)["telegram"]) == (1, "done")


def test_a_silence_that_outlasts_every_try_ends_with_the_switch_announced(room: Room, desk: Desk) -> None:
    pipeline()
    fault = room.sandbox.fault("telegram", {"type": "status", "status": 503})
    made = switch()
    desk.work(*NEWS)
    room.pass_time(hours=25)
    desk.work(*NEWS)
    desk.lose()
    assert yard.steps(made.id)["telegram"] == "failed"
    room.sandbox.control("DELETE", f"faults/{fault}")
    room.pass_time(minutes=2)  # until then the lost message may still come
    remind_of_alerts()
    desk.pass_time(10)
    announce_pipeline_switch(made.id)
    assert (len(room.messages()), yard.steps(made.id)["telegram"]) == (1, "done")
    assert row(made.id).message_id == room.messages()[0]["message_id"]


def test_many_switches_at_once_are_told_together_and_each_of_them_is_announced(room: Room, desk: Desk) -> None:
    names = [f"P{number}" for number in range(7)]
    for name in names:
        pipeline(name, *(f"{letter}.{name.lower()}.example" for letter in "abc"))
    made = [switch(name) for name in names]
    desk.pass_time(180, step=20)
    assert all(row(each.id).message_id for each in made)
    assert {yard.steps(each.id)["telegram"] for each in made} == {"done"}
    assert any("STORM" in text for text in room.texts())
    assert room.most_calls_in_a_minute() <= 20
