"""A worker on the embedded queue in simulated time: real messages, retries and leases, one message after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from queue import Queue
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import time_machine
from dramatiq.worker import _WorkerThread

from config.clock import now
from config.settings import get_settings
from models.database import fetch
from models.fields import bind
from tests.worker.postroom import bound
from worker import leases
from worker.broker import load_actors
from worker.embedded import SqliteBroker

_WAITING = "select body from queue_message where lease_until is null"
_DUE = "select count(*) from queue_message where queue = %s and available_at <= %s and lease_until is null"


class Crew:
    """What waits in these queues is run as soon as the clock has come to it; `ran` counts runs by task."""

    def __init__(self, broker: SqliteBroker, clock: time_machine.Traveller, *queues: str) -> None:
        self._clock = clock
        self._consumers = {queue: broker.consume(queue, prefetch=1, timeout=1) for queue in queues}
        ends = {queue: SimpleNamespace(post_process_message=self._end) for queue in queues}
        done: Any = Queue()
        done.task_done = lambda: None
        self._thread = _WorkerThread(broker=broker, consumers=ends, work_queue=done, worker_timeout=1)  # type: ignore[arg-type]
        self.ran: Counter[str] = Counter()

    def work(self) -> None:
        """Run everything that is due, and what follows from it."""
        while any(self._next(queue) for queue in self._consumers):
            pass

    def pass_time(self, seconds: float, step: float = 5) -> None:
        """Let time go by in steps, with everything that becomes due."""
        self.work()
        while seconds > 0:
            self._clock.shift(timedelta(seconds=min(step, seconds)))
            seconds -= step
            self.work()

    def waiting(self, task: str) -> Counter[int]:
        """By incident: how many messages to a task wait, delayed ones too."""
        bodies = [orjson.loads(bytes(body)) for (body,) in fetch(_WAITING)]
        return Counter(body["kwargs"]["alert_id"] for body in bodies if body["actor_name"] == task)

    def _next(self, queue: str) -> bool:
        if not fetch(_DUE, (queue, bind(now())))[0][0]:
            return False
        message: Any = next(self._consumers[queue])
        assert message is not None
        self.ran[message.actor_name] += 1
        self._thread.process_message(message)
        return True

    def _end(self, message: Any) -> None:
        consumer = self._consumers[message.queue_name]
        consumer.nack(message) if message.failed else consumer.ack(message)


@contextmanager
def employed(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, *queues: str) -> Iterator[Crew]:
    """A crew at the queues of a database on SQLite."""
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.0)
    with bound(get_settings()) as broker:
        assert isinstance(broker, SqliteBroker)
        load_actors()
        for queue in queues:
            broker.declare_queue(queue)
        yield Crew(broker, clock, *queues)
