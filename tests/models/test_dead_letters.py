"""Messages that were given up: kept once per attempt, whole, and told to their task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.ids import new_id
from models.database import db, fetch, is_postgres
from models.dead_letters import Letter, bury
from models.envelope import decode
from models.runtime import DeadReason

pytestmark = pytest.mark.usefixtures("database")
LETTER = Letter(new_id(), 2, "process_click", "clicks", b"\x00 any bytes", DeadReason.EXHAUSTED, "KeyError")


def told() -> list[dict[str, object]]:
    table = "outbox" if is_postgres() else "queue_message"
    return [decode(bytes(body))["kwargs"] for (body,) in fetch(f"select body from {table}")]


def test_a_letter_is_kept_whole() -> None:
    letter_id = bury(LETTER)
    ((found, attempt, queue, body, state),) = fetch("select id, attempt, queue, body, state from dead_letter")
    assert (found, attempt, queue, bytes(body), state) == (letter_id, 2, "clicks", b"\x00 any bytes", "dead")


def test_an_attempt_is_kept_and_told_once() -> None:
    letter_id = bury(LETTER)
    assert bury(LETTER) is None
    assert bury(replace(LETTER, attempt=3)) is not None
    assert told()[0] == {"dead_letter_id": letter_id}
    assert len(told()) == 2


def test_a_task_that_does_not_ask_is_not_told() -> None:
    bury(replace(LETTER, task="refresh_campaign"))
    assert told() == []


def test_a_letter_for_an_unknown_task_is_kept() -> None:
    assert bury(replace(LETTER, task="never_heard_of", reason=DeadReason.UNKNOWN_ACTOR)) is not None
    assert told() == []


def test_a_letter_belongs_to_the_open_transaction() -> None:
    with db.atomic() as transaction:
        bury(LETTER)
        transaction.rollback()
    assert fetch("select id from dead_letter") == []
    assert told() == []


def test_letters_of_the_same_cause_have_the_same_fingerprint() -> None:
    assert LETTER.fingerprint == replace(LETTER, message_id=new_id(), attempt=7).fingerprint
    assert LETTER.fingerprint != replace(LETTER, error="ValueError").fingerprint
