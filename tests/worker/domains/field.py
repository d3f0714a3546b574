"""Pipelines in front of a sandbox that plays every source, with time that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from models.database import fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.worker.postroom import bound, undelivered
from worker.broker import load_actors
from worker.follow_ups import FollowUps

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@contextmanager
def watched(
    sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: Any, folder: Path, **more: str
) -> Iterator[Callable[[timedelta], None]]:
    """What moves the time. Messages stay as rows, because no broker takes them, and nobody waits for one that might."""
    monkeypatch.setattr(FollowUps, "_publish", lambda *_: None)
    load_actors()
    bundle = folder / "authority.pem"
    bundle.write_text(sandbox.authority_pem)
    outside = {"SANDBOX_URL": sandbox.url, "SAFE_BROWSING_PROVIDER": "sandbox", "CA_BUNDLE": str(bundle)}
    # the certificates of the sandbox are judged by the clock of the machine, so the time that is frozen is its own
    with (
        bound(settings_env(**outside, **undelivered(), **more)),
        time_machine.travel(datetime.now(UTC), tick=False) as travel,
    ):
        yield travel.shift


def incidents(kind: str) -> list[tuple[str, str, int]]:
    """(key, severity, how often) of the open incidents of a kind."""
    return list(
        fetch(
            "select dedupe_key, severity, count from alert where kind = %s and resolved_at is null order by 1", (kind,)
        )
    )
