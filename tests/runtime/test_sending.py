"""Sending: confirmed before it returns, or with the transaction."""

from __future__ import annotations

from datetime import timedelta

from models.database import db
from models.runtime import Outbox
from tests.eventually import eventually
from tests.runtime.conftest import Stage


def test_a_message_outside_a_transaction_is_run_by_a_worker(stage: Stage) -> None:
    seen: list[int] = []

    def note(number: int) -> None:
        seen.append(number)

    task = stage.task(note)
    stage.work()

    for number in range(20):
        task.send(number=number)

    eventually(lambda: sorted(seen) == list(range(20)))


def test_a_message_of_a_rolled_back_transaction_is_never_published(stage: Stage) -> None:
    seen: list[str] = []

    def note(word: str) -> None:
        seen.append(word)

    task = stage.task(note)
    with db.atomic() as transaction:
        task.send(word="rolled back")
        transaction.rollback()
    with db.atomic():
        task.send(word="committed")
    stage.work()

    eventually(lambda: seen)
    assert seen == ["committed"]


def test_the_row_of_a_committed_message_is_deleted_once_it_is_confirmed(stage: Stage) -> None:
    task = stage.task(lambda_named("note"))

    with db.atomic():
        task.send()
        assert Outbox.select().count() == 1

    eventually(lambda: Outbox.select().count() == 0)
    assert stage.counts()[0] == 1


def test_a_message_of_a_rolled_back_savepoint_is_never_published(stage: Stage) -> None:
    task = stage.task(lambda_named("note"))

    with db.atomic(), db.atomic() as savepoint:
        task.send()
        savepoint.rollback()

    stage.broker.publisher.close()
    assert Outbox.select().count() == 0
    assert stage.counts()[0] == 0


def test_a_delay_above_a_minute_is_a_row(stage: Stage) -> None:
    task = stage.task(lambda_named("note"))

    task.send_with_options(delay=timedelta(minutes=2))

    assert Outbox.select().count() == 1
    assert stage.counts() == (0, 0, 0)


def test_a_short_delay_is_kept_by_the_broker(stage: Stage) -> None:
    task = stage.task(lambda_named("note"))

    task.send_with_options(delay=timedelta(seconds=30))

    assert Outbox.select().count() == 0
    assert stage.counts() == (0, 1, 0)


def lambda_named(name: str):  # type: ignore[no-untyped-def]
    def nothing() -> None: ...

    nothing.__name__ = name
    return nothing
