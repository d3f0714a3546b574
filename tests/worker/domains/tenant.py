"""A tenant at Affise beside a pipeline: switches, the workers that follow them, and what the offers show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from core.domains import affise_applying, pipelines, platforms
from integrations.affise import Affise
from models import affise_items, affise_requests
from models.affise_requests import Request
from models.database import db, execute, fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.yard import ANNA, pipeline, read, switches
from tests.integrations.platforms.made import affise_at, effects, offers
from tests.worker.domains.desk import Desk
from worker.domains import steps

START = datetime(2026, 11, 21, 3, 12, 41, tzinfo=UTC)
A, B, C = "a.sandbox.test", "b.sandbox.test", "c.sandbox.test"
FIRST = 9001
TASKS = ("plan_affise_switch_request", "apply_affise_switch_item", "sweep_unfinished_switches")


class Tenant:
    """`P` is a pipeline of a, b and c; offers 9001 and on lead to a."""

    def __init__(self, sandbox: Sandbox, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox, self.desk, self._monkeypatch = sandbox, desk, monkeypatch
        # the breaker goes by the time of the test, or it would stay open
        self.use(affise_at(f"{sandbox.url}/affise", clock=lambda: now().timestamp()))

    def use(self, affise: Affise | None) -> None:
        """The client of the workers from now on."""
        self.affise = affise
        self._monkeypatch.setattr(platforms, "affise", lambda: affise)

    def add(self, count: int = 3, host: str = A) -> None:
        """Offers whose two addresses lead to a host."""
        for number in range(FIRST, FIRST + count):
            base = f"https://{host}"
            urls = {"url": f"{base}/c?x={number}&clickid={{clickid}}", "trafficback_url": f"{base}/tb?p={{pid}}"}
            self.sandbox.edit("affise", str(number), status="active", preview_url="", **urls)

    def pipeline(self, *domains: str, auto: bool = True, most: int | None = None, **settings: Any) -> None:
        pipeline("P", *(domains or (A, B, C)), with_update_affise=True, **settings)
        execute("update tracking_domain_pipeline set affise_auto_approve = %s, affise_max_items = %s", (auto, most))

    def switch(self, *, to: str | None = None, block: bool = True) -> int:
        """Leave the active domain; the id of the switch."""
        with db.atomic():
            made = pipelines.switch("P", ANNA, "test", to=to, block=block)
            steps.follow(made)
        return made.id

    def work(self) -> None:
        self.desk.work(*TASKS)

    def wait(self, seconds: float, step: float = 5) -> None:
        """Let time go by without a sweep."""
        self.desk.pass_time(seconds, *TASKS, step=step)

    def pass_time(self, seconds: float, step: float = 5) -> None:
        """Let time go by, with a sweep every minute, or as seldom as the steps are."""
        stretch = max(60, step)
        for _ in range(max(1, round(seconds / stretch))):
            self.wait(stretch, step)
            steps.sweep_unfinished_switches.send()
            self.work()

    def moved(self, count: int = 3, base: str = A, **settings: Any) -> Request:
        """Offers that were led from a to b; the request that did so."""
        self.add(count, base)
        self.pipeline(**settings)
        self.switch()
        self.work()
        return self.request()

    def request(self) -> Request:
        """The newest request of the pipeline."""
        found = affise_requests.newest_of(read("P").id)
        assert found is not None
        return found

    def hosts(self) -> dict[str, int]:
        """How many of the addresses of our own offers lead to which host."""
        found: dict[str, int] = {}
        for offer_id, raw in offers(self.sandbox).items():
            for name in ("url", "trafficback_url") if offer_id >= FIRST else ():
                host = raw[name].split("/")[2]
                found[host] = found.get(host, 0) + 1
        return found

    def writes(self) -> list[tuple[int, str]]:
        """(offer, field) of every edit that took effect, in order."""
        return [(row["offer"], name) for row in effects(self.sandbox, "affise") for name in row["fields"]]

    def step(self) -> tuple[str, int, int]:
        """State, done and total of the newest switch's step at Affise."""
        found = fetch(
            "select state, items_done, items_total from switch_step where switch_id = %s and step = 'affise'",
            (switches("P")[-1].id,),
        )
        return found[0]

    def statuses(self, request: Request | None = None) -> list[str]:
        """The states of a request's items, by offer."""
        return [item.status.value for item in affise_items.of((request or self.request()).id)]

    def begun(self) -> affise_applying.Tried:
        """The next item, tried but not stored: what a worker leaves that dies right there."""
        number = affise_items.tally(self.request().id).next_item
        assert number is not None
        tried = affise_applying.change(number, self.affise)
        assert tried is not None
        return tried


def incidents() -> dict[str, tuple[str, dict[str, Any]]]:
    """The open incidents: severity and words by kind."""
    from models import incidents as rows

    return {one.kind: (one.severity.value, one.payload) for one in rows.open_ones(100)}


@contextmanager
def opened(
    sandbox: Sandbox, stub_broker: StubBroker, env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tenant]:
    """The clock stands still until the test moves it."""
    sandbox.reset()
    env(SANDBOX_URL=sandbox.url)
    with time_machine.travel(START, tick=False) as clock:
        yield Tenant(sandbox, Desk(stub_broker, clock), monkeypatch)
