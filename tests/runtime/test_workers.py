"""Workers among bad messages, pauses and failing databases."""

from __future__ import annotations

import threading
from collections import Counter
from time import sleep
from typing import Any

import orjson
import pytest
from dramatiq import Middleware

from config.catalog import Retry, every
from config.clock import now
from config.ids import new_id
from integrations.errors import RateLimited, Rejected, Unavailable
from models.database import execute, fetch
from models.runtime import DeadReason, Outbox, QueueControl, ScheduleRun, TaskLease, TaskRun
from tests.eventually import eventually
from tests.runtime.conftest import QUEUE, Stage
from worker import runs
from worker.middleware import outcome_of
from worker.supervisor import Supervisor


def envelope(**changes: Any) -> bytes:
    """A message for the task `note`, with some fields changed."""
    fields: dict[str, Any] = {
        "queue_name": QUEUE, "actor_name": "note", "args": [], "kwargs": {}, "options": {},
        "message_id": str(new_id()), "message_timestamp": 1,
    }  # fmt: skip
    return orjson.dumps(fields | changes)


BAD = [
    b"",
    b"not json",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b"x" * 1024 * 1024,
    envelope(args={"a": 1}),
    envelope(kwargs=[]),
    envelope(options=[]),
    envelope(message_id="not-a-uuid"),
    envelope(message_id=5),
    envelope(message_timestamp="yesterday"),
    envelope(actor_name=None),
    envelope(actor_name="nobody"),
    envelope(queue_name="elsewhere"),
    envelope(queue_name=7),
    envelope(kwargs={"number": {"deep": [1]}}),
    envelope(args=[1, 2, 3, 4]),
    envelope(options={"throws": "x", "retries": "many", "max_retries": "x", "time_limit": "x", "max_age": "x"}),
    envelope(options={"pipe_target": {"a": 1}, "on_failure": "nobody", "eta": "soon", "traceparent": 5}),
    envelope(options={"eta": 1e300}),
    envelope(options={"retries": -5, "attempt": 2**62}),
    envelope(actor_name="null\0byte"),
    envelope(actor_name="long" * 1000),
    envelope(options={"dedupe_key": "null\0byte", "traceback": "null\0byte"}),
]


def test_no_message_ends_a_worker(stage: Stage) -> None:
    seen: list[int] = []

    def note(number: int) -> None:
        seen.append(number + 0)

    task = stage.task(note)
    worker = stage.work(threads=2)
    for body in BAD:
        stage.broker.publish(QUEUE, body)
        stage.broker.publish(f"{QUEUE}.DQ", body)
    task.send(number=41)

    eventually(lambda: seen == [41])
    eventually(lambda: stage.counts()[:2] == (0, 0))
    assert all(thread.is_alive() for thread in [*worker.workers, *worker.consumers.values()])
    eventually(lambda: stage.drain() == 0 and len(stage.dead()) >= len(BAD))


def test_a_paused_queue_hands_out_nothing_and_goes_on_where_it_was(stage: Stage) -> None:
    seen: list[int] = []

    def note(number: int) -> None:
        sleep(0.01)
        seen.append(number)

    task = stage.task(note)
    worker = stage.work(threads=2)
    for number in range(400):
        task.send(number=number)
    supervisor = Supervisor(worker, unit="test", max_rss_mib=4096, end=lambda: None)
    eventually(lambda: len(seen) > 10)

    pause(paused=True)
    supervisor.follow_pauses()
    eventually(worker.consumers[QUEUE].paused_event.is_set, 20, "the pause")
    before = len(seen)
    sleep(0.3)
    assert len(seen) - before <= 2
    eventually(lambda: stage.counts()[0] == 400 - len(seen))
    pause(paused=False)
    supervisor.follow_pauses()

    eventually(lambda: len(seen) >= 400)
    assert sorted(seen) == list(range(400)), "nothing ran twice"


def test_a_queue_that_is_resumed_while_a_task_of_it_runs_does_not_run_it_twice(stage: Stage) -> None:
    runs, free = Counter[int](), threading.Event()

    def note(number: int) -> None:
        runs[number] += 1
        if number == 0:
            free.wait(60)

    task = stage.task(note, seconds=120)
    worker: Any = stage.work(threads=2)
    supervisor = Supervisor(worker, unit="test", max_rss_mib=4096, end=lambda: None)
    task.send(number=0)
    eventually(lambda: runs[0] == 1)
    pause(paused=True)
    supervisor.follow_pauses()
    eventually(lambda: not worker.consumers[QUEUE].consumer.accepting)
    pause(paused=False)
    supervisor.follow_pauses()
    eventually(lambda: worker.consumers[QUEUE].consumer.accepting)
    task.send(number=1)
    eventually(lambda: runs[1] == 1)
    free.set()
    eventually(lambda: stage.counts() == (0, 0, 0))
    stage.rest()
    assert (runs, stage.counts()) == ({0: 1, 1: 1}, (0, 0, 0))


def pause(*, paused: bool) -> None:
    """What an operator's command writes."""
    QueueControl.insert(queue=QUEUE, paused=paused, changed_by="test", reason="", at=now()).on_conflict(
        conflict_target=[QueueControl.queue], update={QueueControl.paused: paused}
    ).execute()


def test_a_dead_thread_is_noticed(stage: Stage) -> None:
    ended: list[int] = []
    worker = stage.work(threads=2)
    supervisor = Supervisor(worker, unit="test", max_rss_mib=4096, end=lambda: ended.append(1))
    supervisor.check()
    assert ended == []
    worker.workers[0].stop()
    worker.workers[0].join()

    supervisor.check()

    assert ended == [1]


def test_too_much_memory_is_noticed(stage: Stage) -> None:
    ended: list[int] = []

    Supervisor(stage.work(), unit="test", max_rss_mib=1, end=lambda: ended.append(1)).check()

    assert ended == [1]


def test_an_unavailable_service_is_tried_again(stage: Stage) -> None:
    attempts: list[int] = []

    def call() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise Unavailable("down")

    task = stage.task(call, retry=Retry(3, 0.01, 0.02))
    stage.work()
    task.send()

    eventually(lambda: len(attempts) == 3)
    eventually(lambda: stage.counts() == (0, 0, 0))
    assert stage.dead() == []


def test_a_rejection_is_final_and_costs_one_attempt(stage: Stage) -> None:
    attempts: list[int] = []

    def call() -> None:
        attempts.append(1)
        raise Rejected("bad", "jane@example.org")

    task = stage.task(call, retry=Retry(3, 0.01, 0.02))
    stage.work()
    task.send()

    (letter,) = eventually(stage.dead)
    assert letter.reason == DeadReason.REJECTED
    assert "jane" not in (letter.error or "")
    assert attempts == [1]


def test_a_rate_limit_costs_no_retry(stage: Stage) -> None:
    attempts: list[int] = []

    def call() -> None:
        attempts.append(1)
        if len(attempts) < 4:
            raise RateLimited(retry_after=0.05)

    task = stage.task(call, retry=Retry(0))
    stage.work()
    task.send()

    eventually(lambda: len(attempts) == 4)
    assert stage.dead() == []


def test_a_long_wait_is_a_row_of_the_next_attempt(stage: Stage) -> None:
    def call() -> None:
        raise Unavailable("down")

    task = stage.task(call, retry=Retry(3, 100, 300))
    stage.work()
    message = task.send()

    row = eventually(Outbox.get_or_none)
    assert (str(row.message_id), row.attempt) == (message.message_id, 1)
    assert (row.available_at - now()).total_seconds() > 90
    options = orjson.loads(bytes(row.body))["options"]
    assert options["retries"] == 1
    assert options["traceback"].endswith("Unavailable")


def test_a_broken_database_connection_costs_no_retry(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.retries.DATABASE_PAUSE", 0.05)
    attempts: list[int] = []

    def ask() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            fetch("select pg_terminate_backend(pg_backend_pid())")

    task = stage.task(ask, retry=Retry(0))
    stage.work(threads=1)
    task.send()

    eventually(lambda: len(attempts) == 3)
    eventually(lambda: stage.counts() == (0, 0, 0))
    assert stage.dead() == []


def test_a_periodic_run_is_in_the_books(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick() -> int:
        return 7

    def slowly(*statement: Any) -> int:
        changed = execute(*statement)
        sleep(0.2)
        return changed

    monkeypatch.setattr(runs, "execute", slowly)
    due_at = now()
    ScheduleRun.insert(task="tick", due_at=due_at, state="enqueued").execute()
    task = stage.task(tick, trigger=every(60), lease=30)
    stage.work()
    stage.broker.enqueue(task.message(due_at=due_at.isoformat(), local_date="2026-11-21"))

    run = eventually(lambda: TaskRun.get_or_none(TaskRun.finished_at.is_null(False)))
    assert (run.task, run.result, run.rows_done, run.error) == ("tick", "done", 7, None)
    due = ScheduleRun.get()
    assert (due.state, due.result) == ("done", "7 rows")
    eventually(lambda: TaskLease.select().count() == 0)


def test_a_run_that_would_overlap_another_is_skipped(stage: Stage) -> None:
    began, free, runs = threading.Event(), threading.Event(), []

    def tick() -> None:
        runs.append(1)
        began.set()
        free.wait(60)

    endings = Endings()
    stage.broker.add_middleware(endings)
    task = stage.task(tick, trigger=every(60), lease=300, seconds=120)
    stage.work()
    task.send()
    assert began.wait(60)
    task.send()

    eventually(lambda: endings.outcomes == ["overlap"])
    free.set()
    eventually(lambda: TaskLease.select().count() == 0)
    assert runs == [1]
    assert stage.dead() == []


class Endings(Middleware):
    """Keeps how messages ended, in order."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        self.outcomes.append(outcome_of(message, exception))


def test_a_failed_periodic_run_says_so(stage: Stage) -> None:
    def tick() -> None:
        raise KeyError("secret")

    due_at = now()
    ScheduleRun.insert(task="tick", due_at=due_at, state="enqueued").execute()
    task = stage.task(tick, trigger=every(60), lease=30)
    stage.work()
    task.send(due_at=due_at.isoformat())

    run = eventually(lambda: TaskRun.get_or_none(TaskRun.finished_at.is_null(False)))
    assert run.result == "failed"
    assert "secret" not in run.error
    assert ScheduleRun.get().state == "failed"
    eventually(lambda: TaskLease.select().count() == 0, what="the lease is given back")
