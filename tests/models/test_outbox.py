"""Messages as rows: stored with the change they follow from, found again by key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from config.clock import now
from config.ids import new_id
from models import outbox
from models.database import db, fetch, is_postgres
from models.fields import instant

BODY = b'{"made": "elsewhere"}'


@pytest.fixture
def table(database: Any) -> str:
    """Where messages wait: beside the queue, or in it."""
    return "outbox" if is_postgres() else "queue_message"


def waiting(table: str) -> int:
    return int(fetch(f"select count(*) from {table}")[0][0])


def put(message_id: UUID | None = None, **more: Any) -> int | None:
    return outbox.put("process_click", "clicks", BODY, message_id or new_id(), **more)


def test_a_message_is_stored_whole(table: str) -> None:
    message_id = new_id()
    assert put(message_id) is not None
    ((stored, queue, body),) = fetch(f"select message_id, queue, body from {table}")
    assert (str(stored), queue, bytes(body)) == (str(message_id), "clicks", BODY)


def test_a_rolled_back_change_takes_its_message_along(table: str) -> None:
    with db.atomic() as transaction:
        put()
        transaction.rollback()
    assert waiting(table) == 0


def test_a_key_that_waits_is_not_added_twice(table: str) -> None:
    assert put(dedupe_key="campaign-1") is not None
    assert put(dedupe_key="campaign-1") is None
    assert put(dedupe_key="campaign-2") is not None
    assert waiting(table) == 2


def test_a_waiting_message_is_cancelled_once(table: str) -> None:
    put(dedupe_key="campaign-1")
    assert outbox.cancel("campaign-1")
    assert not outbox.cancel("campaign-1")
    assert waiting(table) == 0


def test_a_waiting_message_is_moved(table: str) -> None:
    later = now() + timedelta(hours=1)
    put(dedupe_key="campaign-1")
    assert outbox.move("campaign-1", later)
    assert instant(fetch(f"select available_at from {table}")[0][0]) == later


def test_what_does_not_wait_cannot_be_moved(table: str) -> None:
    assert not outbox.move("campaign-1", now())


def test_a_message_is_due_at_once_unless_told_otherwise(table: str) -> None:
    before = now()
    put()
    assert before <= instant(fetch(f"select available_at from {table}")[0][0]) <= now()


def test_the_same_attempt_of_a_message_waits_once(postgres_database: Any) -> None:
    message_id = new_id()
    assert put(message_id, attempt=1) is not None
    assert put(message_id, attempt=1) is None
    assert put(message_id, attempt=2) is not None
