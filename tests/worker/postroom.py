"""A broker as a worker makes it, for one test, and the messages that wait as rows because nobody delivers them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq

from config.settings import Settings
from models.database import fetch, is_postgres
from models.envelope import decode
from worker import actor as actors
from worker.broker import make_broker

NOWHERE = "amqp://guest:guest@127.0.0.1:1/"


@contextmanager
def bound(settings: Settings) -> Iterator[Any]:
    """Bound to every actor; afterwards they have the broker that they had."""
    encoder, before = dramatiq.get_encoder(), list(actors._current)
    broker = make_broker(settings, "worker")
    try:
        yield broker
    finally:
        broker.close()
        dramatiq.set_encoder(encoder)
        actors._current[:] = before


def undelivered() -> dict[str, str]:
    """Settings with a broker that takes nothing."""
    return {"RABBITMQ_URL": NOWHERE} if is_postgres() else {}


def table() -> str:
    """Where messages wait."""
    return "outbox" if is_postgres() else "queue_message"


def sent(task: str) -> list[dict[str, Any]]:
    """The arguments of the messages of a task that wait."""
    found = [decode(bytes(body)) for (body,) in fetch(f"select body from {table()} order by id")]
    return [message["kwargs"] for message in found if message["actor_name"] == task]
