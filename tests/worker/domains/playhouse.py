"""The house of a theatre: a sandbox with little in it, and calls, statements and durations that pass by the stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from integrations.http import Client
from models.database import db
from sandbox.affise import offers
from sandbox.server import Sandbox
from sandbox.voluum import campaigns
from tests.conftest import SettingsEnv
from tests.core.domains.machine import hurry
from tests.worker.domains.field import watched
from tests.worker.domains.theatre import Theatre

CHAT = -1001234567890
PATIENCE = (4.0, 4.0)


@contextmanager
def opened(
    sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: Any, folder: Path, seed: int, **settings: str
) -> Iterator[Theatre]:
    """An empty house; calls and statements pass by the theatre, and durations go by its clock."""
    monkeypatch.setitem(campaigns.SIZES, "s", 4)
    monkeypatch.setitem(offers.SIZES, "s", 4)
    sandbox.reset()
    sandbox.edit("voluum", "settings", per_second=100_000)
    chat = {"TELEGRAM_BOT_TOKEN": "123:canary-token", "TELEGRAM_CHAT_ID": str(CHAT)}
    settings |= {"DNS_UPSTREAMS": ",".join(sandbox.dns_upstreams[:2])}  # as many as make a quorum
    with watched(sandbox, settings_env, monkeypatch, folder, **chat, **settings) as travel:
        theatre = Theatre(sandbox, Random(seed))
        theatre.travel = travel
        monkeypatch.setattr("config.clock.time", SimpleNamespace(monotonic=lambda: theatre.seconds))
        # nobody publishes here but the theatre, which finds every row at once
        monkeypatch.setattr("worker.follow_ups.HEAD_START", timedelta())
        _tap(theatre, monkeypatch)
        hurry()
        yield theatre


def _tap(theatre: Theatre, monkeypatch: Any) -> None:
    real_call, real_sql, real_init = Client.call, db.obj.execute_sql, Client.__post_init__

    def call(self: Client, method: str, *args: Any, **options: Any) -> Any:
        used, since = theatre.before(self.service, method), theatre.last()
        try:
            return real_call(self, method, *args, **options)
        finally:
            if used is not None:
                theatre.after(self.service, used, since)

    def statement(*words: Any, **more: Any) -> Any:
        theatre.burn()
        return real_sql(*words, **more)

    def impatient(self: Client) -> None:
        real_init(self)
        self.timeout = PATIENCE

    monkeypatch.setattr(Client, "call", call)
    monkeypatch.setattr(Client, "__post_init__", impatient)
    monkeypatch.setattr(db.obj, "execute_sql", statement)
