"""The product with its own broker, workers and tasks, once embedded and once on RabbitMQ and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from time import sleep
from typing import Any

import dramatiq
import pytest
from dramatiq import Worker

from config import catalog
from config.catalog import QUEUES
from config.clock import monotonic, now
from models import partitions, schedule
from models.database import execute, fetch, is_postgres
from models.fields import bind
from scheduler.firing import fire_due
from tests.conftest import ENGINES, SettingsEnv
from worker import actor as actors
from worker.broker import load_actors, make_broker
from worker.outbox import Relay


class Product:
    """A running product in miniature; messages travel through its real broker."""

    def __init__(self, broker: Any) -> None:
        self.broker = broker

    def fire(self, task: str) -> None:
        """Let the scheduler find this task due, and wait until its run has ended well."""
        before = self.runs(task)
        long_ago = bind(now() - timedelta(days=2))
        # a tick that was missed is not made up for, so the test asks for the last one
        execute("update schedule set last_due_at = %s, catch_up = 'latest' where task = %s", (long_ago, task))
        assert fire_due(task) == 1
        self.eventually(lambda: self.runs(task) > before, f"a run of {task}")

    def relay(self) -> None:
        """One round of the relay; the embedded mode has none."""
        if is_postgres():
            Relay(self.broker.publisher, lambda queue: 0).round()

    def runs(self, task: str) -> int:
        """How many runs of a periodic task ended well."""
        query = "select count(*) from task_run where task = %s and result = 'done'"
        return int(fetch(query, (task,))[0][0])

    def eventually(self, condition: Callable[[], object], what: str = "the condition", seconds: float = 120.0) -> Any:
        """The first true value of the condition."""
        deadline = monotonic() + seconds
        while not (value := condition()):
            assert monotonic() < deadline, f"{what} did not come within {seconds} s"
            self.relay()
            sleep(0.05)
        return value


@pytest.fixture(params=ENGINES)
def product(
    request: pytest.FixtureRequest, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Product]:
    """Every task of the catalog on real workers, in both modes; the database has today's partitions."""
    if request.param == "sqlite":
        request.getfixturevalue("sqlite_database")
        settings = settings_env()
    else:
        request.getfixturevalue("postgres_database")
        settings = settings_env(RABBITMQ_URL=request.getfixturevalue("rabbitmq_url"))
    encoder = dramatiq.get_encoder()
    monkeypatch.setattr(actors, "_current", [])
    broker = make_broker(settings, "worker")
    load_actors()
    partitions.keep_ahead()
    schedule.seed(catalog.periodic())
    worker = Worker(broker, queues=set(QUEUES), worker_threads=4, worker_timeout=50)
    worker.start()
    try:
        yield Product(broker)
    finally:
        worker.stop(10_000)
        broker.close()
        dramatiq.set_encoder(encoder)
