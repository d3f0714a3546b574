"""Tasks beside a sandbox: which messages wait because of them, and which incidents are open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from config.clock import now
from models import incidents
from models.database import execute, fetch
from models.fields import instant
from models.incidents import Incident
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.worker.postroom import bound, table, undelivered
from worker.broker import load_actors


@contextmanager
def serving(sandbox: Sandbox, env: SettingsEnv) -> Iterator[Sandbox]:
    """Messages stay in the outbox, because no broker takes them."""
    sandbox.reset()
    load_actors()
    with bound(env(SANDBOX_URL=sandbox.url, SAFE_BROWSING_PROVIDER="sandbox", **undelivered())):
        yield sandbox


def due() -> list[timedelta]:
    """In how long the messages become due that are not due yet, to the second."""
    waits = [instant(at) - now() for (at,) in fetch(f"select available_at from {table()} order by id")]
    return [timedelta(seconds=round(wait.total_seconds())) for wait in waits if wait > timedelta(seconds=1)]


def forget() -> None:
    execute(f"delete from {table()}")


def told() -> dict[str, Incident]:
    """The open incidents by kind and key."""
    return {f"{one.kind} {one.key}": one for one in incidents.open_ones(100)}
