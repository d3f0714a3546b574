"""A process that dies after it noted an update and before it answered: the next one answers, and does nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.bot import people
from core.bot.people import Role
from core.domains.persons import By
from integrations.telegram_text import plain
from models import bot_answers
from models.database import fetch
from tests.core.chatroom import CHAT
from tests.core.domains import yard
from tests.worker.bot_room import ANNA, EVE, Desk, audited, desk, sandbox, unsafe
from worker import bot, bot_talk
from worker.alerts import remind_of_alerts
from worker.bot_listener import Listener
from worker.bot_owed import GIVEN_WITHIN

__all__ = ["desk", "sandbox"]


class Killed(BaseException):
    """The process is gone."""


def dies(desk: Desk, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, after: bool = False) -> None:
    """The listener dies when it comes to this call, or right after it; another one starts when its lease is over."""
    real: Callable[..., Any] = getattr(module, name)

    def die(*args: Any, **options: Any) -> None:
        if after:
            real(*args, **options)
        raise Killed

    with monkeypatch.context() as death:
        death.setattr(module, name, die)
        with pytest.raises(Killed):
            desk.listen()
    desk.pass_time(seconds=max(61, GIVEN_WITHIN.total_seconds()))
    desk.listener = Listener(desk.port)


def texts(desk: Desk) -> list[str]:
    return [plain(text) for text in desk.texts()]


def owed() -> int:
    return int(fetch("select count(*) from telegram_answer")[0][0])


def says(desk: Desk, text: str, who: int = ANNA) -> None:
    desk.put_update(message=desk.message(who, CHAT) | {"text": text})


def test_what_was_asked_is_answered_after_a_restart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    says(desk, "/whoami")
    dies(desk, monkeypatch, bot_talk, "reply")
    assert (desk.messages(), owed()) == ([], 1)
    desk.listen()
    desk.listen()
    assert ["anna" in text for text in texts(desk)] == [True]
    assert owed() == 0


def test_what_was_ordered_is_done_once_and_its_answer_comes_after_a_restart(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.pipeline("P", "a.example", "b.example")
    says(desk, "/hold P")
    dies(desk, monkeypatch, bot_talk, "toast")
    assert yard.read("P").held_at is not None
    for _ in range(3):
        desk.listen()
    assert texts(desk) == ["P is held"]
    assert len(audited("pipeline.hold")) == 1


def test_a_press_is_answered_after_a_restart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    number = unsafe(desk)
    desk.put_update(callback_query=desk.pressed("Ack"))
    dies(desk, monkeypatch, bot_talk, "toast")
    assert desk.answers() == []
    desk.listen()
    assert [answer["text"] for answer in desk.answers()] == [f"incident #{number} is yours"]
    assert len(audited("alert.ack")) == 1


def test_killed_after_the_answer_it_comes_twice_at_most_and_nothing_is_done_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.pipeline("P", "a.example", "b.example")
    says(desk, "/hold P")
    dies(desk, monkeypatch, bot_answers, "paid")
    for _ in range(3):
        desk.listen()
    assert texts(desk) == ["P is held"] * 2
    assert len(audited("pipeline.hold")) == 1


def test_killed_when_the_answer_was_forgotten_it_comes_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    says(desk, "/whoami")
    dies(desk, monkeypatch, bot_answers, "paid", after=True)
    desk.listen()
    assert len(texts(desk)) == 1


def test_where_updates_are_delivered_a_worker_answers_in_place_of_the_dead_process(desk: Desk) -> None:
    """Nobody listens there, and nobody may write again."""
    assert bot.handle({"update_id": 9, "message": desk.message(ANNA, CHAT) | {"text": "/whoami"}})
    remind_of_alerts()
    assert desk.messages() == []  # whoever handled it has time to answer
    desk.pass_time(seconds=GIVEN_WITHIN.total_seconds())
    remind_of_alerts()
    remind_of_alerts()
    assert ["anna" in text for text in texts(desk)] == [True]


def test_two_who_find_what_a_dead_process_left_answer_once(desk: Desk) -> None:
    assert bot.handle({"update_id": 9, "message": desk.message(ANNA, CHAT) | {"text": "/whoami"}})
    desk.pass_time(seconds=GIVEN_WITHIN.total_seconds())
    assert [bot_talk.settle_debts(desk.port, lambda _: None) for _ in range(2)] == [1, 0]
    assert len(desk.messages()) == 1


def test_who_is_not_known_any_more_is_not_answered(desk: Desk) -> None:
    assert bot.handle({"update_id": 9, "message": desk.message(ANNA, CHAT) | {"text": "/status"}})
    people.unlink("anna", By("root"))
    desk.pass_time(seconds=GIVEN_WITHIN.total_seconds())
    desk.listen()
    assert (desk.messages(), owed()) == ([], 0)


def test_a_code_that_was_sent_is_not_kept(desk: Desk) -> None:
    code = people.invite("eve", Role.VIEWER, By("root"))
    assert bot.handle({"update_id": 9, "message": desk.message(EVE, CHAT) | {"text": f"/link {code}"}})
    assert owed() == 1
    assert code not in str(fetch("select news, answer from telegram_answer"))
    desk.pass_time(seconds=GIVEN_WITHIN.total_seconds())
    desk.listen()
    assert texts(desk)[0].startswith("welcome, eve")


def test_an_answer_that_is_a_day_late_is_left_out(desk: Desk) -> None:
    assert bot.handle({"update_id": 9, "message": desk.message(ANNA, CHAT) | {"text": "/status"}})
    desk.pass_time(hours=24, seconds=1)
    desk.listen()
    assert (desk.messages(), owed()) == ([], 0)


def test_what_asks_outside_is_asked_after_a_restart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from core import buttons
    from core.buttons import Action
    from worker.domains import persons

    yard.pipeline("P", "a.example", "b.example")
    made = persons.switch("P", yard.ANNA, "slow")
    unsafe(desk, buttons=[[buttons.button("Roll back", Action.ROLLBACK_VOLUUM, made.id)]])
    desk.put_update(callback_query=desk.pressed("Roll back"))
    dies(desk, monkeypatch, bot, "finish")
    desk.listen()
    desk.announce()
    assert "asked by anna" in texts(desk)[0]


def test_a_question_with_buttons_survives_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.pipeline("P", "a.example", "b.example")
    says(desk, "/switch P")
    dies(desk, monkeypatch, bot_talk, "reply")
    desk.listen()
    assert desk.labels() == ["Yes, switch", "No"]
    assert "a[.]example" in texts(desk)[-1]
