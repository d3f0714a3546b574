"""Tasks beside a sandbox: which messages wait because of them, and which incidents are open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dramatiq
import pytest

from config.clock import now
from models import incidents
from models.database import execute, fetch, is_postgres
from models.envelope import decode
from models.fields import instant
from models.incidents import Incident
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from worker import actor as actors
from worker.broker import load_actors, make_broker

NOWHERE = "amqp://guest:guest@127.0.0.1:1/"


@contextmanager
def serving(sandbox: Sandbox, env: SettingsEnv, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Messages stay in the outbox, because no broker takes them."""
    sandbox.reset()
    monkeypatch.setattr(actors, "_current", [])
    encoder = dramatiq.get_encoder()
    load_actors()
    more = {"RABBITMQ_URL": NOWHERE} if is_postgres() else {}
    broker = make_broker(env(SANDBOX_URL=sandbox.url, SAFE_BROWSING_PROVIDER="sandbox", **more), "worker")
    yield sandbox
    broker.close()
    dramatiq.set_encoder(encoder)


def _table() -> str:
    return "outbox" if is_postgres() else "queue_message"


def sent(task: str) -> list[dict[str, Any]]:
    """The arguments of the messages of a task that wait."""
    found = [decode(bytes(body)) for (body,) in fetch(f"select body from {_table()} order by id")]
    return [message["kwargs"] for message in found if message["actor_name"] == task]


def due() -> list[timedelta]:
    """In how long the messages become due that are not due yet, to the second."""
    waits = [instant(at) - now() for (at,) in fetch(f"select available_at from {_table()} order by id")]
    return [timedelta(seconds=round(wait.total_seconds())) for wait in waits if wait > timedelta(seconds=1)]


def forget() -> None:
    execute(f"delete from {_table()}")


def told() -> dict[str, Incident]:
    """The open incidents by kind and key."""
    return {f"{one.kind} {one.key}": one for one in incidents.open_ones(100)}
