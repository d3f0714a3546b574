"""Buttons as people press them: who may, once, in time, and what is noted of it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from config.clock import now
from core import buttons
from core.bot.people import Role
from core.buttons import Action
from core.domains import pipelines
from models import proposals
from models.database import db, execute, fetch
from models.domain_states import Verdict
from models.fields import bind
from tests.core.chatroom import CHAT
from tests.core.domains import yard
from tests.together import together
from tests.worker.bot_room import ANNA, BEN, EVE, Desk, audited, desk, link, sandbox, unsafe
from worker import bot
from worker.bot_listener import Listener
from worker.bot_presses import AT_IT, EXPIRED
from worker.domains import persons

__all__ = ["desk", "sandbox"]


def acked(alert_id: int) -> Any:
    return fetch("select acked_by from alert where id = %s", (alert_id,))[0][0]


def test_a_press_by_a_stranger_is_refused_and_noted(desk: Desk) -> None:
    alert_id = unsafe(desk)
    assert desk.press("Ack", who=EVE).startswith("not linked")
    assert acked(alert_id) is None
    assert audited("bot.refused") == [("telegram", f"telegram:{EVE}", "not linked")]
    assert desk.press("Ack", who=BEN) == "only for operator; you are viewer"
    assert audited("bot.refused")[-1] == ("telegram", "ben", "role viewer")


def test_a_button_works_once_and_the_message_says_who_pressed_it(desk: Desk) -> None:
    alert_id = unsafe(desk)
    desk.press("Ack")
    first, again = desk.toast(), desk.press("Ack")
    assert first == f"incident #{alert_id} is yours"
    assert again.startswith("already done by anna 03:1")
    desk.announce()
    assert "Acked by anna 03:1" in desk.texts()[0]
    assert desk.messages()[0]["buttons"] == []
    assert audited("alert.ack") == [("telegram", "anna", "")]


def test_a_button_of_yesterday_has_expired(desk: Desk) -> None:
    alert_id = unsafe(desk)
    desk.pass_time(hours=24, seconds=1)
    assert desk.press("Ack") == EXPIRED
    assert acked(alert_id) is None
    desk.put_update(callback_query=desk.press_of("made-up"))
    desk.listen()
    assert desk.toast() == EXPIRED


def test_after_another_switch_a_suggestion_and_an_undo_say_already_changed(desk: Desk) -> None:
    pipeline = yard.pipeline("P", "a.example", "b.example", "c.example")
    with db.atomic():
        at = now()
        number = proposals.put(pipeline.id, yard.domain("a.example").id, "GSB_UNSAFE", None, 1, at, at + timedelta(1))
    made = persons.switch("P", yard.ANNA, "slow")
    switch = buttons.button("Switch", Action.ACCEPT_PROPOSAL, number)
    unsafe(desk, buttons=[[switch, buttons.button("Undo switch", Action.UNDO_SWITCH, made.id)]])
    persons.switch("P", yard.ANNA, "slow again")
    before = yard.everything()
    assert desk.press("Switch").startswith("already changed")
    assert desk.press("Undo switch").startswith("already changed")
    assert yard.everything() == before


def test_a23_a_suggestion_is_accepted_once_in_time_by_somebody_known(desk: Desk) -> None:
    pipeline = yard.pipeline("P", "a.example", "b.example")
    with db.atomic():
        at, until = now(), now() + timedelta(hours=48)
        number = proposals.put(pipeline.id, yard.domain("a.example").id, "GSB_UNSAFE", None, 1, at, until)
    unsafe(desk, buttons=[[buttons.button("Switch", Action.ACCEPT_PROPOSAL, number)]])
    press = desk.pressed("Switch")
    assert desk.press("Switch", who=EVE).startswith("not linked")
    assert desk.sent("block_active_tracking_domain") == []
    desk.put_update(callback_query=press)
    desk.put_update(callback_query=press)
    desk.listen()
    first, again = [answer["text"] for answer in desk.answers()[-2:]]
    assert first == "accepted; the evidence is confirmed first"
    assert again.startswith("already done by anna")
    assert [one["domain"] for one in desk.sent("block_active_tracking_domain")] == ["a.example"]
    desk.pass_time(hours=24)
    desk.put_update(callback_query=press)
    desk.listen()
    assert desk.toast() == EXPIRED
    assert [row[1] for row in audited("proposal.accept")] == ["anna"]


def test_a_switch_is_undone_by_its_button_within_the_minute(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    made = persons.switch("P", yard.ANNA, "slow")
    unsafe(desk, buttons=[[buttons.button("Undo switch", Action.UNDO_SWITCH, made.id, hours=1 / 60)]])
    assert desk.press("Undo switch") == "back to a.example"
    assert yard.roles() == {"a.example": "active", "b.example": "backup"}
    assert {"switch_id": yard.switches()[-1].id} in desk.sent("announce_pipeline_switch")


def test_holding_and_releasing_by_buttons_is_noted_and_asked_about(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    hold, free = buttons.make(
        [buttons.Wanted("Hold", Action.HOLD_PIPELINE, "P"), buttons.Wanted("Release", Action.RELEASE_PIPELINE, "P")]
    )
    unsafe(desk, buttons=[[hold, free]])
    assert desk.press("Release") == "pipeline: 'P' is not held"
    assert desk.press("Hold") == "P is held"
    desk.announce()
    assert "Held by anna 03:1" in desk.texts()[0]
    yard.answer("a.example", Verdict.UNSAFE)
    assert desk.press("Release") == "sure? say so below"
    assert yard.read("P").held_at is not None
    assert desk.press("Yes, release").startswith("P is released; still suspected: a.example")
    assert yard.read("P").held_at is None
    assert [one["domain"] for one in desk.sent("block_active_tracking_domain")] == ["a.example"]
    assert "P is released" in desk.texts()[-1]
    assert [row[1] for row in audited("pipeline.release")] == ["anna"]


def test_two_presses_at_once_do_it_once(desk: Desk) -> None:
    alert_id = unsafe(desk)
    link(BEN, "ben", Role.OPERATOR)

    def press(number: int, who: int) -> Any:
        return bot.handle({"update_id": number, "callback_query": desk.pressed("Ack", who)})

    found = together(partial(press, 1000, ANNA), partial(press, 1001, BEN))
    toasts = sorted(one.answer.toast for one in found)
    assert toasts == [f"already done by {acked(alert_id)} 03:12", f"incident #{alert_id} is yours"]
    assert len(audited("alert.ack")) == 1


def test_an_update_that_comes_again_after_a_death_does_nothing_more(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    desk.say("/switch P")
    update = {"update_id": 500, "callback_query": desk.pressed("Yes, switch")}
    assert bot.handle(update) is not None  # and the process dies before it answers
    assert bot.handle(update) is None
    assert len(yard.switches()) == 2
    desk.pass_time(minutes=2)
    desk.listener = Listener(desk.port)  # the next process hears of all that was not confirmed
    before = len(desk.messages())
    desk.listen()
    assert len(desk.messages()) == before


def test_a_domain_goes_back_to_work_or_stays_out(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example", "c.example")
    for name in ("b.example", "c.example"):
        pipelines.park("P", name, "test", yard.ANNA)
    row = [buttons.button("Back", "return_to_work", "b.example/P"), buttons.button("Out", "keep_out", "c.example/P")]
    unsafe(desk, buttons=[row])
    assert desk.press("Back") == "b.example works again"
    assert desk.press("Out") == "c.example stays out"
    assert yard.roles() == {"a.example": "active", "b.example": "backup", "c.example": "parked"}
    assert [row[1] for row in audited("domain.keep_out")] == ["anna"]


def test_a_press_whose_transaction_was_lost_is_done_when_it_comes_again(desk: Desk) -> None:
    alert_id = unsafe(desk)
    update = {"update_id": 500, "callback_query": desk.pressed("Ack")}
    with db.atomic() as lost:
        bot.handle(update)
        lost.rollback()
    assert (acked(alert_id), audited("alert.ack")) == (None, [])
    assert bot.handle(update) is not None
    assert acked(alert_id) == "anna"


def test_offers_are_agreed_to_as_they_were_shown_only(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example", with_update_affise=True)
    persons.switch("P", yard.ANNA, "slow")
    execute("update affise_switch_request set status = 'awaiting_approval', items_sha256 = 'new'")
    number = fetch("select id from affise_switch_request")[0][0]
    row = [buttons.button(digest, Action.APPROVE_AFFISE, number, expected=digest) for digest in ("old", "new")]
    unsafe(desk, buttons=[row])
    assert desk.press("old").startswith("already changed: the offers were read again")
    assert desk.press("new") == "approved"
    assert fetch("select status, approved_by from affise_switch_request") == [("approved", "anna")]
    desk.announce()
    assert "Affise approved by anna 03:1" in desk.texts()[0]


def test_what_asks_outside_is_done_after_the_press_and_its_end_is_told(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    made = persons.switch("P", yard.ANNA, "slow")
    unsafe(desk, buttons=[[buttons.button("Roll back", Action.ROLLBACK_VOLUUM, made.id)]])
    for _ in range(2):  # what did not work may be tried again
        assert desk.press("Roll back") == AT_IT
    desk.announce()
    assert "voluum: set VOLUUM_ACCESS_ID and VOLUUM_ACCESS_KEY first; asked by anna 03:1" in desk.texts()[0]


def test_odd_updates_are_passed_over(desk: Desk) -> None:
    odd_ones: tuple[Any, ...] = ({}, {"update_id": 7}, {"update_id": "x"}, [], None, 1)
    for odd in (*odd_ones, {"update_id": 8, "message": {"text": 1}}):
        assert bot.handle(odd) is None


def test_numbers_of_updates_are_kept_for_two_weeks(desk: Desk) -> None:
    say = {"update_id": 5, "message": desk.message(ANNA, CHAT) | {"text": "/whoami"}}
    assert bot.handle(say)
    desk.pass_time(days=13)
    assert bot.handle(say) is None
    desk.pass_time(days=1, seconds=1)
    assert bot.handle(say)
    assert fetch("select count(*) from telegram_update where received_at < %s", (bind(now()),)) == [(0,)]
