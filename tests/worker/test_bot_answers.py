"""What the bot answers: every page, within the chat's budget, and something even when it fails."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from config.settings import get_settings
from core import buttons
from core.bot.tables import WIDEST
from core.buttons import Action
from core.domains.persons import By
from models import buttons as button_rows
from models import proposals
from models.buttons import ButtonRow
from models.database import db, execute, fetch, is_postgres
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT, START
from tests.core.domains import yard
from tests.worker.bot_room import ANNA, BEN, Desk, audited, desk, sandbox, unsafe
from worker import bot, bot_talk
from worker.bot import FAILED
from worker.bot_queues import depths
from worker.domains import persons

__all__ = ["desk", "sandbox"]
TOO_MANY = '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}'


def heard(desk: Desk, number: int, text: str = "/whoami") -> bot.Heard:
    found = bot.handle({"update_id": number, "message": desk.message(ANNA, CHAT) | {"text": text}})
    assert found is not None
    return bot.finish(found)


def test_every_page_is_answered_as_wide_as_a_phone(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    for text in ("/status", "/pipelines", "/pipelines P", "/domain a.example", "/queues", "/dead", "/clicks today",
                 "/help", "/start"):  # fmt: skip
        answer = desk.say(text, who=BEN)
        assert answer not in ("", FAILED), text
        assert max(map(len, answer.splitlines())) <= WIDEST, text
    assert desk.say("/domain") == "domain: name one, as in /domain c4[.]example"
    assert desk.say("/pipelines Q").startswith("pipeline: there is no 'Q'")
    assert desk.say("/nonsense") == "I do not know that; /help lists what I know"


def test_queues_are_counted_wherever_they_are(desk: Desk, settings_env: SettingsEnv) -> None:
    assert set(depths(get_settings()).values()) == {None if is_postgres() else 0}
    elsewhere = settings_env(RABBITMQ_URL="amqp://guest:guest@127.0.0.1:1/")
    assert set(depths(elsewhere).values()) == {None}


def test_many_answers_wait_for_the_budget_and_none_is_refused(desk: Desk) -> None:
    for number in range(8):
        bot_talk.reply(desk.port, heard(desk, 100 + number), lambda seconds: desk.pass_time(seconds=seconds))
    assert len(desk.messages()) == 8
    assert {row["status"] for row in desk.calls()} == {200}


def test_an_answer_that_would_come_too_late_is_left_out(desk: Desk) -> None:
    for number in range(8):
        bot_talk.reply(desk.port, heard(desk, 100 + number), lambda seconds: None, longest=0.5)
    assert len(desk.messages()) == 1


@pytest.mark.parametrize(
    "action", [{"type": "status", "status": 429, "body": TOO_MANY}, {"type": "status", "status": 502}]
)
def test_an_answer_is_given_once(desk: Desk, action: dict[str, Any]) -> None:
    desk.sandbox.fault("telegram", action, times=1)
    with capture_logs() as logs:
        bot_talk.reply(desk.port, heard(desk, 100), lambda seconds: None)
    assert [log["event"] for log in logs] == ["telegram_answer_dropped"]
    assert desk.messages() == []


def test_a_failure_of_ours_is_logged_answered_and_not_tried_for_ever(desk: Desk) -> None:
    with db.atomic():
        button_rows.add([ButtonRow("broken", "command", "no JSON", "", (), START.replace(year=2030))])
    desk.put_update(callback_query=desk.press_of("broken"))
    with capture_logs() as logs:
        desk.listen()
    assert desk.toast() == FAILED
    assert logs[0]["event"] == "telegram_update_failed"
    execute("alter table telegram_person rename to elsewhere")
    broken = {"update_id": 900, "message": desk.message(ANNA, CHAT) | {"text": "/whoami"}}
    found = bot.handle(broken)
    assert found is not None
    assert found.answer.page is not None
    assert found.answer.page.text == FAILED
    execute("alter table elsewhere rename to telegram_person")
    assert bot.handle(broken) is None


def test_holding_all_ignoring_and_rejecting_by_buttons(desk: Desk) -> None:
    pipeline = yard.pipeline("P", "a.example", "b.example", with_update_affise=True)
    persons.switch("P", By("root"), "slow")
    execute("update affise_switch_request set status = 'awaiting_approval', items_sha256 = 'x'")
    request = fetch("select id from affise_switch_request")[0][0]
    with db.atomic():
        number = proposals.put(
            pipeline.id, yard.domain("b.example").id, "GSB_UNSAFE", None, 2, START, START.replace(year=2030)
        )
    row = [("Hold", Action.HOLD_ALL, ""), ("Ignore", Action.IGNORE_PROPOSAL, number),
           ("Reject", Action.REJECT_AFFISE, request), ("Back", Action.ROLLBACK_AFFISE, request)]  # fmt: skip
    unsafe(desk, buttons=[[buttons.button(text, action, each) for text, action, each in row]])
    assert desk.press("Hold") == "failover is held everywhere"
    assert desk.press("Ignore") == "ignored for 6 h"
    assert desk.press("Reject") == "rejected"
    assert desk.press("Back").startswith("request: ")
    desk.announce()
    assert "Affise rejected by anna" in desk.texts()[0]
    assert [audited(one)[-1][1] for one in ("failover.hold", "proposal.ignore", "affise.reject")] == ["anna"] * 3
