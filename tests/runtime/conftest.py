"""A broker with tasks of the test's own, and workers that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from dramatiq import Worker

from bench.environment import Rabbit
from config import catalog
from config.catalog import Area, Retry, Task
from config.settings import Settings
from models.database import disconnect
from models.runtime import DeadLetter
from tests.conftest import SettingsEnv
from tests.eventually import eventually
from worker import actor as actors
from worker import consumers, follow_ups, shared
from worker.broker import HardenedRabbitmqBroker, make_broker
from worker.dead_drain import drain
from worker.outbox import Relay
from worker.process import await_threads
from worker.roles import ROLES

QUEUE = "jobs"


class Stage:
    """A connected process in miniature: settings, broker, tasks, workers."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings
        self._monkeypatch = monkeypatch
        made = make_broker(self.settings, "worker")
        assert isinstance(made, HardenedRabbitmqBroker)
        self.broker = made
        self._workers: list[Worker] = []

    def task(self, function: Callable[..., Any], **row: Any) -> Any:
        """Put a row into the catalog and declare its actor."""
        defaults: dict[str, Any] = {"queue": QUEUE, "area": Area.SHARED, "seconds": 30, "retry": Retry(0)}
        self._monkeypatch.setitem(catalog.TASKS, function.__name__, Task(function.__name__, **(defaults | row)))
        return actors.actor(function)

    def work(self, *, threads: int = 4, queues: tuple[str, ...] = (QUEUE,)) -> Worker:
        """A worker in threads of this process."""
        worker = Worker(self.broker, queues=set(queues), worker_threads=threads, worker_timeout=100)
        worker.start()
        self._workers.append(worker)
        await_threads(worker)
        return worker

    def counts(self, queue: str = QUEUE) -> tuple[int, int, int]:
        """Ready messages of the main, the delay and the dead-letter queue."""
        counts: tuple[int, int, int] = self.broker.get_queue_message_counts(queue)
        return counts

    def patience(self, confirm: float, attempts: int = 1) -> None:
        """Let publishes give up sooner than in production."""
        self.broker.patience = replace(self.broker.patience, confirm=confirm, attempts=attempts)

    def relay(self) -> None:
        """One round of the relay."""
        Relay(self.broker.publisher, lambda queue: 0).round()

    def relay_until(self, condition: Callable[[], object]) -> None:
        """Rounds of the relay until the condition is true."""

        def relayed() -> object:
            self.relay()
            return condition()

        eventually(relayed)

    def drain(self) -> int:
        """One round of the dead-letter drain."""
        return drain(self.broker, [QUEUE])

    def dead(self) -> list[DeadLetter]:
        """The dead letters in the database."""
        return list(DeadLetter.select())

    def rest(self) -> None:
        """End the workers once they have finished what they hold."""
        while self._workers:
            self._workers.pop().stop(5000)

    def close(self) -> None:
        """Stop everything."""
        self.rest()
        self.broker.close()


@pytest.fixture
def stage(
    postgres_database: Any, rabbitmq_url: str, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """RabbitMQ and PostgreSQL, no actors but the test's own."""
    with staged(settings_env(RABBITMQ_URL=rabbitmq_url), monkeypatch) as made:
        yield made


@contextmanager
def staged(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage on these settings."""
    monkeypatch.setattr(actors, "ACTORS", {"give_up": shared.give_up})
    monkeypatch.setattr(shared, "HANDLERS", {})
    monkeypatch.setattr(actors, "_current", [])
    monkeypatch.setattr(consumers, "RECONNECT_JITTER", 0.1)
    be_patient(monkeypatch)
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.2)
    made = Stage(settings, monkeypatch)
    try:
        yield made
    finally:
        made.close()
        disconnect()


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a publisher that has yet to connect, on a slow machine, send what follows a commit before a relay would."""
    monkeypatch.setitem(ROLES, "worker", replace(ROLES["worker"], confirm=30))
    monkeypatch.setattr(follow_ups, "HEAD_START", timedelta(seconds=30))


def alarm(stage: Stage, server: Rabbit) -> None:
    """Raise the memory alarm and wait until it has reached the publisher; it may be a message or two late."""
    server.set_alarm()
    publisher = stage.broker.publisher
    eventually(lambda: publisher.publish("retry", b"probe", 0.2).exception(5) and publisher.blocked)


@pytest.fixture
def server(rabbitmq_server: Rabbit) -> Iterator[Rabbit]:
    """The node itself, to be hurt; healthy again before the stage is cleared."""
    yield rabbitmq_server
    rabbitmq_server.revive()
