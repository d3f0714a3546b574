"""Tasks on the embedded queue with everything that surrounds a run: retries, dead letters, poison, follow-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import pytest
from dramatiq import Worker

from config.catalog import Area, Retry, Task
from config.clock import now
from config.ids import new_id
from integrations.errors import Rejected
from models import outbox
from models.database import db, execute, fetch
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.worker.postroom import bound
from worker.actor import AppActor
from worker.embedded import SqliteBroker
from worker.process import await_threads

Declare = Callable[[Callable[..., None]], AppActor[..., Any]]
ROW = Task("embedded_probe", "jobs", Area.SHARED, 30, Retry(2, 0.01, 0.02))


@pytest.fixture
def broker(sqlite_database: Any, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteBroker]:
    """The embedded broker as a process makes it."""
    with bound(settings_env()) as made:
        assert isinstance(made, SqliteBroker)
        yield made


@pytest.fixture
def task(broker: SqliteBroker) -> Declare:
    """Declare a function as a task with two retries on the queue `jobs`."""

    def declare(function: Callable[..., None]) -> AppActor[..., Any]:
        made: AppActor[..., Any] = AppActor(function, ROW)
        broker.declare_actor(made)
        return made

    return declare


@contextmanager
def working(broker: SqliteBroker) -> Iterator[None]:
    worker = Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    await_threads(worker)
    try:
        yield
        broker.join("jobs", timeout=60_000)
    finally:
        worker.stop(10_000)


def letters() -> list[tuple[Any, ...]]:
    return fetch("select task, queue, reason, attempt from dead_letter")


def test_a_task_runs_and_leaves_nothing_behind(broker: SqliteBroker, task: Declare) -> None:
    seen: list[int] = []
    probe = task(lambda n: seen.append(n + 1))
    probe.send(n=1)
    with working(broker):
        pass
    assert seen == [2]
    assert fetch("select count(*) from queue_message") == [(0,)]


def test_a_failing_task_is_tried_again_with_the_same_message(broker: SqliteBroker, task: Declare) -> None:
    seen: list[int] = []

    def fail_twice(n: int) -> None:
        seen.append(n)
        if len(seen) < 3:
            raise ValueError("not yet")

    task(fail_twice).send(n=1)
    with working(broker):
        pass
    assert seen == [1, 1, 1]
    assert letters() == []


def test_a_task_that_keeps_failing_becomes_a_dead_letter(broker: SqliteBroker, task: Declare) -> None:
    def fail() -> None:
        raise ValueError("never")

    task(fail).send()
    with working(broker):
        pass
    assert letters() == [("embedded_probe", "jobs", "exhausted", 2)]


def test_a_refusal_is_not_tried_again(broker: SqliteBroker, task: Declare) -> None:
    def refuse() -> None:
        raise Rejected("no")

    task(refuse).send()
    with working(broker):
        pass
    assert letters() == [("embedded_probe", "jobs", "rejected", 0)]


def test_what_a_run_sends_belongs_to_its_transaction(broker: SqliteBroker, task: Declare) -> None:
    steps: list[int] = []

    def step(n: int) -> None:
        steps.append(n)
        with db.atomic() as transaction:
            probe.send(n=n + 1)
            if n == 2:
                transaction.rollback()

    probe = task(step)
    probe.send(n=1)
    with working(broker):
        pass
    assert steps == [1, 2]


def test_a_message_that_killed_its_process_three_times_is_set_aside(broker: SqliteBroker, task: Declare) -> None:
    seen: list[int] = []
    message = task(lambda: seen.append(1)).send()
    execute("update queue_message set deliveries = 3")
    execute("insert into poison values (%s, 2, %s)", (message.message_id, bind(now())))
    with working(broker):
        pass
    assert seen == []
    assert letters() == [("embedded_probe", "jobs", "poison", 0)]


def test_a_message_for_an_unknown_task_is_parked(broker: SqliteBroker, task: Declare) -> None:
    task(lambda: None)
    message: dramatiq.Message[Any] = dramatiq.Message("jobs", "unheard_of", (), {}, {}, message_id=str(new_id()))
    outbox.put("unheard_of", "jobs", message.encode(), new_id())
    with working(broker):
        pass
    assert letters() == [("unheard_of", "jobs", "unknown_actor", 0)]
