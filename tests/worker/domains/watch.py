"""Pipelines under a weather of their own: the sweeps in their turns, messages when they fall due, and who is where."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from config.settings import get_settings
from core.domains import pipeline_files, pipeline_import, reputation
from models import evidence
from models.answers import Finding
from models.database import db, disconnect, fetch
from models.domain_states import Source, Verdict
from sandbox.server import Sandbox
from tests.core.domains.yard import ANNA
from tests.worker.domains.desk import Desk, Message
from worker.domains.checks import check_active_tracking_domains_via_dns as check_dns
from worker.domains.checks import check_active_tracking_domains_via_gsb as check_gsb
from worker.domains.spares import check_spare_tracking_domains as check_spares

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEPS = (0, 31, 30, 30, 60, 149)
"""Seconds between the looks at what is due within a sweep's interval: second answers, rounds, and then some."""
TASKS = (check_dns.actor_name, check_spares.actor_name, "block_active_tracking_domain")
PROVEN = (Source.TLS, Source.HTTP, Source.RDAP)


class Once(Desk):
    """A desk on which the same message waits once."""

    def _sent(self) -> list[Message]:
        known = [(one.actor_name, one.kwargs) for at, one in self._delayed if at > now().timestamp()]
        return [one for one in super()._sent() if (one.actor_name, one.kwargs) not in known]


class Watch:
    """`lines` is the domains of each pipeline, the active one first."""

    def __init__(
        self, sandbox: Sandbox, desk: Desk, clock: time_machine.Traveller, lines: dict[str, list[str]]
    ) -> None:
        self.sandbox, self.desk, self._clock, self.lines = sandbox, desk, clock, lines
        rows = [f"{line},{name},{'backup' if place else 'active'}"
                for line, names in lines.items() for place, name in enumerate(names)]  # fmt: skip
        text = "pipeline,domain,role\n" + "\n".join(rows) + "\n"
        pipeline_import.apply(pipeline_files.read(io.BytesIO(text.encode())), ANNA)
        numbers = [number for (number,) in fetch("select id from tracking_domain")]
        with db.atomic():
            evidence.store([_proof(number, source) for number in numbers for source in PROVEN])

    @property
    def active(self) -> list[str]:
        return [names[0] for names in self.lines.values()]

    @property
    def spares(self) -> list[str]:
        return [name for names in self.lines.values() for name in names[1:]]

    def sweep(self) -> None:
        """The sweeps that are due now, and what follows at once."""
        check_gsb()
        self.desk.work(*TASKS)
        check_spares()
        self.desk.work(*TASKS)

    def go_on(self, seconds: float) -> None:
        """Later, run what has fallen due."""
        self._clock.shift(timedelta(seconds=seconds))
        self.desk.work(*TASKS)

    def interval(self) -> None:
        """A sweep, and all that follows before the next one."""
        self.sweep()
        for seconds in STEPS:
            self.go_on(seconds)

    def roles(self) -> dict[str, str]:
        return dict(fetch("select d.name, p.role from pipeline_domain p join tracking_domain d on d.id = p.domain_id"))

    def last_action(self, source: Source) -> str:
        """What the latest sweep of a source came to."""
        sql = "select action from check_cycle where source = %s and ended_at is not null order by id desc limit 1"
        return str(fetch(sql, (source.value,))[0][0])


def _proof(domain_id: int, source: Source) -> Finding:
    at = now()
    return Finding(domain_id, source, Verdict.SAFE, "", "test", True, True, {}, at, at + timedelta(days=1))


def incidents() -> set[tuple[str, str]]:
    """(kind, key) of what is told and not over."""
    return set(fetch("select kind, dedupe_key from alert where resolved_at is null"))


def held() -> set[tuple[str, str]]:
    """The incidents that must be open because of what is held."""
    every = {("held", "all") for _ in fetch("select 1 from failover_control where held_at is not null")}
    return every | {("held", name) for (name,) in fetch(
        "select name from tracking_domain_pipeline where held_at is not null and held_until is null")}  # fmt: skip


def hurried(patch: pytest.MonkeyPatch, *, silent: bool, hanging: bool) -> None:
    """Nobody waits long for what does not come."""
    patch.setattr("integrations.dns.TRY_SECONDS", 0.06 if silent else 20.0)
    patch.setattr("integrations.dns.LIFETIME_SECONDS", 0.12 if silent else 60.0)
    patch.setenv("SAFE_BROWSING_TIMEOUT", "1,0.1" if hanging else "1,5")
    get_settings.cache_clear()
    reputation._provider.cache_clear()


def paced(patch: pytest.MonkeyPatch) -> None:
    """The pauses of the clients pass with the time of the test."""
    real = time.monotonic

    def monotonic() -> float:
        return real() + (now() - NOON).total_seconds()

    patch.setattr("config.clock.time", SimpleNamespace(monotonic=monotonic))


@contextmanager
def watching(
    sandbox: Sandbox, broker: StubBroker, template: Path, path: Path, lines: dict[str, list[str]]
) -> Iterator[Watch]:
    """Everything anew: the database, the sandbox, the provider's client, and the time."""
    disconnect()
    for rest in path.parent.glob(f"{path.name}-*"):
        rest.unlink()
    shutil.copyfile(template, path)
    db.connect()
    sandbox.reset()
    reputation._provider.cache_clear()
    for queue in broker.queues:
        broker.flush(queue)
    with time_machine.travel(NOON, tick=False) as clock:
        yield Watch(sandbox, Once(broker, clock), clock, lines)
