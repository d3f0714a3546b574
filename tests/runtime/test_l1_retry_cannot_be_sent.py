"""L1: a failed message whose retry cannot be enqueued."""

from __future__ import annotations

import threading

import dramatiq
import pytest
from dramatiq.middleware import Retries

from bench.environment import Rabbit
from config.catalog import Retry
from models.runtime import Outbox
from tests.eventually import eventually
from tests.runtime.conftest import QUEUE, Stage, alarm
from tests.runtime.stock import stock_broker, stock_worker

MESSAGES = 8


def test_l1_messages_that_fail_during_a_memory_alarm_are_not_lost(stage: Stage, server: Rabbit) -> None:
    alarmed, started = threading.Event(), threading.Semaphore(0)

    def fail() -> None:
        started.release()
        alarmed.wait(60)
        raise RuntimeError

    task = stage.task(fail, retry=Retry(5, 20, 20))
    sent = {task.send().message_id for _ in range(MESSAGES)}
    stage.work(threads=MESSAGES)
    for _ in range(MESSAGES):
        assert started.acquire(timeout=60)
    alarm(stage, server)
    stage.patience(confirm=0.3)
    alarmed.set()

    eventually(lambda: stage.counts()[0] == 0 and {str(row.message_id) for row in Outbox.select()} == sent)


def test_l1_without_a_database_either_they_become_dead_letters(
    stage: Stage, server: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.retries.ensure_connection", _no_database)
    alarmed, started = threading.Event(), threading.Semaphore(0)

    def fail() -> None:
        started.release()
        alarmed.wait(60)
        raise RuntimeError

    task = stage.task(fail, retry=Retry(5, 20, 20))
    for _ in range(MESSAGES):
        task.send()
    stage.work(threads=MESSAGES)
    for _ in range(MESSAGES):
        assert started.acquire(timeout=60)
    alarm(stage, server)
    stage.patience(confirm=0.2)
    alarmed.set()

    eventually(lambda: stage.counts()[2] == MESSAGES)


def test_l1_the_stock_middleware_acknowledges_and_loses_them(
    rabbitmq_url: str, server: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dramatiq.brokers.rabbitmq.MAX_ENQUEUE_ATTEMPTS", 1)
    alarmed, started = threading.Event(), threading.Semaphore(0)
    with stock_broker(rabbitmq_url, Retries(min_backoff=20_000), blocked_connection_timeout=1) as broker:

        @dramatiq.actor(broker=broker, queue_name=QUEUE)
        def fail() -> None:
            started.release()
            alarmed.wait(60)
            raise RuntimeError

        fail.send()
        with stock_worker(broker):
            assert started.acquire(timeout=60)
            server.set_alarm()
            # by the time of the answer the node has told its connections
            eventually(lambda: "memory" in server.evaluate("rabbit_alarm:get_alarms()"))
            alarmed.set()
            eventually(lambda: sum(_unacknowledged(server)) == 0)
            server.set_alarm(False)
            assert broker.get_queue_message_counts(QUEUE) == (0, 0, 0)


def _no_database() -> None:
    from peewee import OperationalError

    raise OperationalError("no database")


def _unacknowledged(server: Rabbit) -> list[int]:
    """Messages in all queues of the node, delivered or not."""
    every = "V <- rabbit_vhost:list_names(), I <- rabbit_amqqueue:info_all(V, [messages])"
    text = server.evaluate(f"[proplists:get_value(messages, I) || {every}]")
    return [int(part) for part in text.strip("[]").split(",") if part.strip()]
