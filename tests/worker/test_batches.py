"""Clicks that wait are merged into one batch, which ends as its parts would have ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq import Worker
from peewee import OperationalError

from config.settings import Settings
from models.database import disconnect
from models.runtime import DeadLetter
from tests.conftest import SettingsEnv
from tests.eventually import eventually
from worker import actor as actors
from worker import batches, consumers, shared
from worker.actor import actor
from worker.batches import BUSY, is_mergeable
from worker.broker import HardenedRabbitmqBroker, make_broker
from worker.dead_drain import drain
from worker.process import await_threads


class Clicks:
    """Actors of the two click tasks that note what they get, and stop at a gate while it is shut."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.failing: dict[int, BaseException] = {}

    def take(self, clicks: list[int]) -> None:
        self.batches.append(clicks)
        self.gate.wait(60)
        for click in clicks:
            if click in self.failing:
                raise self.failing[click]

    @property
    def taken(self) -> list[int]:
        return [click for batch in self.batches for click in batch]

    def waits(self) -> bool:
        """Whether every thread holds a batch."""
        return len(self.batches) == BUSY


class Stage:
    """A broker, the noting actors, and one worker of the queue."""

    def __init__(self, settings: Settings) -> None:
        made = make_broker(settings, "worker")
        assert isinstance(made, HardenedRabbitmqBroker)
        self.broker, self.clicks = made, Clicks()
        self.one, self.many = self._declare()
        self.worker: Worker | None = None

    def _declare(self) -> tuple[Any, Any]:
        clicks = self.clicks

        @actor
        def process_click(click: int) -> None:
            """Note one click."""
            clicks.take([click])

        @actor
        def process_clicks(clicks: list[int]) -> None:
            """Note several."""
            self.clicks.take(clicks)

        return process_click, process_clicks

    def work(self) -> None:
        self.worker = Worker(self.broker, queues={batches.QUEUE}, worker_threads=BUSY, worker_timeout=100)
        self.worker.queue_prefetch = 300
        self.worker.start()
        await_threads(self.worker)

    def close(self) -> None:
        self.clicks.gate.set()
        if self.worker:
            self.worker.stop(5000)
        self.broker.close()

    def gathered(self) -> int:
        """Messages that have arrived here and that no thread has."""
        assert self.worker is not None
        consumer: Any = self.worker.consumers[batches.QUEUE].consumer
        return int(consumer.channel.get_waiting_message_count())

    def is_empty(self) -> bool:
        ready, delayed, _ = self.broker.get_queue_message_counts(batches.QUEUE)
        return ready == delayed == 0


@pytest.fixture
def stage(
    postgres_database: Any, rabbitmq_url: str, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    monkeypatch.setattr(actors, "ACTORS", {"give_up": shared.give_up})
    monkeypatch.setattr(actors, "_current", [])
    monkeypatch.setattr(consumers, "RECONNECT_JITTER", 0.1)
    made = Stage(settings_env(RABBITMQ_URL=rabbitmq_url))
    yield made
    made.close()
    disconnect()


def test_clicks_that_wait_while_all_threads_are_busy_become_one_batch(stage: Stage) -> None:
    stage.clicks.gate.clear()
    stage.work()
    for number in range(BUSY):
        stage.one.send(click=number)
        eventually(lambda: number in stage.clicks.taken)  # noqa: B023  the loop waits for it
    for number in range(10, 40):
        stage.one.send(click=number)
    stage.many.send(clicks=list(range(40, 50)))
    eventually(lambda: stage.gathered() == 31)
    stage.clicks.gate.set()
    eventually(lambda: len(stage.clicks.taken) == BUSY + 40)
    assert sorted(stage.clicks.taken) == [*range(BUSY), *range(10, 50)]
    assert len(stage.clicks.batches) <= BUSY + 4
    eventually(stage.is_empty)


def test_a_batch_never_holds_more_than_five_hundred_clicks_and_loses_none(stage: Stage) -> None:
    for first in range(0, 6200, 310):
        stage.many.send(clicks=list(range(first, first + 310)))
    stage.work()
    eventually(lambda: len(stage.clicks.taken) >= 6200)
    assert sorted(stage.clicks.taken) == list(range(6200))
    assert max(map(len, stage.clicks.batches)) <= 500


def test_after_a_failed_batch_only_the_message_at_fault_dies(stage: Stage) -> None:
    stage.clicks.failing[7] = ValueError("no good")
    for number in range(20):
        stage.one.send(click=number)
    stage.work()
    eventually(lambda: drain(stage.broker, [batches.QUEUE]) or DeadLetter.select().count())
    eventually(stage.is_empty)
    letters = list(DeadLetter.select())
    assert len(letters) == 1
    assert b'"click":7' in bytes(letters[0].body)
    assert set(stage.clicks.taken) == set(range(20))


def test_a_batch_whose_database_is_gone_comes_back_whole(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.retries.DATABASE_PAUSE", 0.1)
    stage.clicks.failing[3] = OperationalError("server closed the connection unexpectedly")
    for number in range(10):
        stage.one.send(click=number)
    stage.work()
    eventually(lambda: stage.clicks.taken.count(3) >= 2)
    stage.clicks.failing.clear()
    eventually(stage.is_empty)
    eventually(lambda: set(stage.clicks.taken) == set(range(10)))
    assert DeadLetter.select().count() == 0


def test_a_paused_queue_gives_back_what_was_carried_over(stage: Stage) -> None:
    stage.clicks.gate.clear()
    stage.work()
    for first in range(0, 2000, 400):
        stage.many.send(clicks=list(range(first, first + 400)))
    eventually(stage.clicks.waits)
    stage.broker.paused_queues.add(batches.QUEUE)
    stage.clicks.gate.set()
    eventually(lambda: stage.broker.get_queue_message_counts(batches.QUEUE)[0] == 5 - BUSY)
    stage.broker.paused_queues.clear()
    eventually(lambda: sorted(stage.clicks.taken) == list(range(2000)))


@pytest.mark.parametrize(
    ("name", "kwargs", "options", "redelivered"),
    [
        ("process_click", {"click": 1}, {}, True),
        ("process_click", {"click": 1}, {"attempt": 1}, False),
        ("process_click", {"click": 1, "new": 2}, {}, False),
        ("process_clicks", {"clicks": "text"}, {}, False),
        ("finish_pending_clicks", {}, {}, False),
    ],
)
def test_what_is_not_just_fresh_clicks_stays_alone(
    name: str, kwargs: dict[str, Any], options: dict[str, Any], redelivered: bool
) -> None:
    message = type("M", (), {})()
    message.actor_name, message.kwargs, message.options, message.args = name, kwargs, options, ()
    message.redelivered = redelivered
    assert not is_mergeable(message)
