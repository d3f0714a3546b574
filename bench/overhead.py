"""B5: what our broker and middleware cost: a task that does nothing, on ours, on bare Dramatiq, on Celery."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pika

from bench.clicks import start_celery
from bench.peers.noop import QUEUE, TASK
from bench.report import CountsDiffer, Report
from bench.stage import Stage, stage
from bench.system import System
from config.clock import monotonic

MESSAGES = 20_000
ROUNDS = 3
BARE, BARE_TWICE = "bare Dramatiq", "bare Dramatiq, 2 processes"
OURS, OURS_TWICE = "Signalbox", "Signalbox, 2 processes"
CELERY = "Celery, prefork 2"
_WARM = 0.95
_PATIENCE = 300.0


def main(messages: int = MESSAGES) -> Report:
    """Alternate the contenders, so that a slow minute of the machine hits all; keep the best round of each."""
    report = Report("overhead", "B5 messages that do nothing, drained from a backlog; 8 threads in each process")
    best: dict[str, float] = {}
    with stage() as here:
        for _ in range(ROUNDS):
            for name, contend in CONTENDERS.items():
                best[name] = max(best.get(name, 0.0), contend(here, messages))
    for name, rate in best.items():
        report.add(what=name, messages=messages, rate=rate)
    report.facts = {
        "percent of bare Dramatiq": round(100 * best[OURS] / best[BARE], 1),
        "percent with two processes each": round(100 * best[OURS_TWICE] / best[BARE_TWICE], 1),
        "times Celery, two processes each": round(best[OURS_TWICE] / best[CELERY], 2),
    }
    report.publish()
    return report


def _dramatiq(module: str, processes: int, here: Stage, messages: int) -> float:
    from dramatiq import Message

    def publish(channel: Any) -> None:
        message: Message[None] = Message(queue_name=QUEUE, actor_name=TASK, args=(), kwargs={"number": 1}, options={})
        properties = pika.BasicProperties(delivery_mode=2)
        for _ in range(messages):
            channel.basic_publish("", QUEUE, message.copy().encode(), properties)

    def start(system: System) -> None:
        for number in range(processes):
            system.start(f"worker-{number}", module=module)

    return _drain(here, QUEUE, publish, start, messages)


def _celery(here: Stage, messages: int) -> float:
    from bench.peers.celery_app import noop

    def publish(channel: Any) -> None:
        for number in range(messages):
            noop.delay(number)

    return _drain(here, "peer-noop", publish, partial(start_celery, queue="peer-noop"), messages)


def _drain(
    here: Stage, queue: str, publish: Callable[[Any], None], start: Callable[[System], None], messages: int
) -> float:
    """Messages per second between the first twentieth of the backlog and its end."""
    channel = _channel(here, queue)
    publish(channel)
    _wait(channel, queue, lambda ready: ready >= messages)
    with here.system(queue) as system:
        start(system)
        first = _wait(channel, queue, lambda ready: ready < messages * _WARM)
        begun = monotonic()
        _wait(channel, queue, lambda ready: ready == 0)
        seconds = monotonic() - begun
    channel.connection.close()
    return first / seconds


def _channel(here: Stage, queue: str) -> Any:
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    broker = RabbitmqBroker(url=here.variables["RABBITMQ_URL"])
    if queue == QUEUE:
        broker.declare_queue(queue, ensure=True)
    broker.close()
    channel = pika.BlockingConnection(pika.URLParameters(here.variables["RABBITMQ_URL"])).channel()
    if queue != QUEUE:
        channel.queue_declare(queue, durable=True)
    return channel


def _wait(channel: Any, queue: str, reached: Callable[[int], bool]) -> int:
    """Wait until the number of ready messages is so; that number."""
    deadline = monotonic() + _PATIENCE
    while True:
        ready = int(channel.queue_declare(queue, passive=True).method.message_count)
        if reached(ready):
            return ready
        if monotonic() > deadline:
            raise CountsDiffer(f"{queue}: {ready:,} messages are still there")
        time.sleep(0.005)


CONTENDERS: dict[str, Callable[[Stage, int], float]] = {
    BARE: partial(_dramatiq, "bench.peers.noop_bare", 1),
    OURS: partial(_dramatiq, "bench.peers.noop_ours", 1),
    BARE_TWICE: partial(_dramatiq, "bench.peers.noop_bare", 2),
    OURS_TWICE: partial(_dramatiq, "bench.peers.noop_ours", 2),
    CELERY: _celery,
}


if __name__ == "__main__":
    main()
