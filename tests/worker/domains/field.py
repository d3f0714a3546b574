"""Pipelines in front of a sandbox that plays every source, with time that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dramatiq
import time_machine

from models.database import fetch, is_postgres
from models.envelope import decode
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from worker import actor as actors
from worker.broker import load_actors, make_broker
from worker.follow_ups import FollowUps

NOWHERE = "amqp://guest:guest@127.0.0.1:1/"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@contextmanager
def watched(
    sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: Any, folder: Path, **more: str
) -> Iterator[Callable[[timedelta], None]]:
    """What moves the time. Messages stay as rows, because no broker takes them, and nobody waits for one that might."""
    monkeypatch.setattr(actors, "_current", [])
    monkeypatch.setattr(FollowUps, "_publish", lambda *_: None)
    encoder = dramatiq.get_encoder()
    load_actors()
    bundle = folder / "authority.pem"
    bundle.write_text(sandbox.authority_pem)
    broker = {"RABBITMQ_URL": NOWHERE} if is_postgres() else {}
    outside = {"SANDBOX_URL": sandbox.url, "SAFE_BROWSING_PROVIDER": "sandbox", "CA_BUNDLE": str(bundle)}
    made = make_broker(settings_env(**outside, **broker, **more), "worker")
    # the certificates of the sandbox are judged by the clock of the machine, so the time that is frozen is its own
    with time_machine.travel(datetime.now(UTC), tick=False) as travel:
        yield travel.shift
    made.close()
    dramatiq.set_encoder(encoder)


def sent(task: str) -> list[dict[str, Any]]:
    """The arguments of the messages of a task that wait."""
    table = "select body from outbox order by id" if is_postgres() else "select body from queue_message order by id"
    found = [decode(bytes(body)) for (body,) in fetch(table)]
    return [message["kwargs"] for message in found if message["actor_name"] == task]


def incidents(kind: str) -> list[tuple[str, str, int]]:
    """(key, severity, how often) of the open incidents of a kind."""
    return list(
        fetch(
            "select dedupe_key, severity, count from alert where kind = %s and resolved_at is null order by 1", (kind,)
        )
    )
