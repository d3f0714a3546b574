"""The queue library as it comes, to show that its traps are real and that the tests notice them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
from dramatiq import Middleware, Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker


@contextmanager
def stock_broker(
    url: str, *middleware: Middleware, confirm: bool = True, **parameters: Any
) -> Iterator[RabbitmqBroker]:
    """A bare broker; the address takes pika's own settings as its query."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    dramatiq.set_encoder(dramatiq.JSONEncoder())
    broker = RabbitmqBroker(url=f"{url}?{query}" if query else url, confirm_delivery=confirm, middleware=[*middleware])
    try:
        yield broker
    finally:
        broker.close()


@contextmanager
def stock_worker(broker: RabbitmqBroker, threads: int = 4) -> Iterator[Worker]:
    """A bare worker."""
    worker = Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(5000)
