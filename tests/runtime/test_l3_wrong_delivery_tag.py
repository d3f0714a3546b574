"""L3 and P1: acknowledgements and copies after a reconnect."""

from __future__ import annotations

import threading
from collections import Counter
from time import sleep
from typing import Any

from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer

from bench.environment import Rabbit
from tests.eventually import eventually
from tests.runtime.conftest import QUEUE, Stage
from tests.runtime.stock import stock_broker
from worker.consumers import BoundConsumer

MESSAGES = 300


def test_l3_nothing_is_lost_when_connections_are_cut_under_load(stage: Stage, server: Rabbit) -> None:
    runs, lock = Counter[int](), threading.Lock()

    def note(number: int) -> None:
        sleep(0.005)
        with lock:
            runs[number] += 1

    task = stage.task(note)
    for number in range(MESSAGES):
        task.send(number=number)
    stage.work(threads=4)
    for _ in range(3):
        sleep(0.15)
        server.close_connections()

    eventually(lambda: set(runs) == set(range(MESSAGES)))
    eventually(lambda: stage.counts() == (0, 0, 0))
    assert stage.dead() == []


def test_p1_copies_of_an_earlier_connection_are_not_begun(stage: Stage, server: Rabbit) -> None:
    runs, free, first = Counter[int](), threading.Event(), threading.Event()

    def note(number: int) -> None:
        first.set()
        free.wait(60)
        runs[number] += 1

    task = stage.task(note)
    for number in range(20):
        task.send(number=number)
    worker = stage.work(threads=1)
    worker.queue_prefetch = 20
    assert first.wait(60)
    before = worker.consumers[QUEUE].consumer
    server.close_connections()
    eventually(lambda: worker.consumers[QUEUE].consumer is not before and worker.work_queue.qsize() > 1)
    free.set()

    eventually(lambda: len(runs) == 20)
    eventually(lambda: stage.counts() == (0, 0, 0))
    repeated = [number for number, count in runs.items() if count > 1]
    assert len(repeated) <= 1, "only what was running may run a second time"


def test_l3_a_late_acknowledgement_leaves_the_messages_of_the_new_connection_alone(stage: Stage) -> None:
    task = stage.task(_noop_named("first"))
    assert _left_after_a_late_acknowledgement(stage.broker, BoundConsumer, task) == 2


def test_l3_the_stock_consumer_acknowledges_a_message_that_nobody_has_run(rabbitmq_url: str, stage: Stage) -> None:
    task = stage.task(_noop_named("first"))
    with stock_broker(rabbitmq_url) as broker:
        assert _left_after_a_late_acknowledgement(broker, _RabbitmqConsumer, task) == 1


def _left_after_a_late_acknowledgement(broker: RabbitmqBroker, kind: type, task: Any) -> int:
    """Two messages, one acknowledged after its connection is gone: how many the queue still has."""
    broker.declare_queue(QUEUE, ensure=True)
    task.send()
    task.send()
    gone = kind(broker, QUEUE, 1, 60_000)
    late = next(gone)
    gone.close()
    other = kind(broker, QUEUE, 1, 60_000)
    next(other)  # holds the first message now
    new = kind(broker, QUEUE, 1, 60_000)
    next(new)  # the second message, under the tag that the late one had
    new.ack(late)
    new.close()
    other.close()
    return int(broker.get_queue_message_counts(QUEUE)[0])


def _noop_named(name: str) -> Any:
    def nothing() -> None: ...

    nothing.__name__ = name
    return nothing
