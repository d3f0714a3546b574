"""A pipeline whose campaigns are at a sandbox, and the workers that follow its switches, message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from config.clock import now
from core.domains import platforms
from integrations.voluum import Voluum
from models.database import execute, fetch
from models.envelope import decode
from models.fields import instant
from models.rate_buckets import Limit
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.yard import ANNA, pipeline
from tests.worker.domains.field import watched
from tests.worker.postroom import table
from worker.actor import ACTORS
from worker.domains import persons
from worker.failures import Busy

A, B, C = "a.example", "b.example", "c.example"
ALL = ("one", "two", "three")
PLATFORMS = ("update_voluum_campaigns", "sweep_unfinished_switches")
HEAD_START = timedelta(seconds=2.5)  # rows that the writer itself publishes wait that long for the relay


class Stage:
    """What Voluum holds, what was asked of it, and the messages that wait."""

    def __init__(self, sandbox: Sandbox, shift: Callable[[timedelta], None]) -> None:
        self.sandbox, self.shift = sandbox, shift
        self.errors: list[str] = []

    @property
    def account(self) -> Voluum:
        found = platforms.voluum()
        assert found is not None
        return found

    def campaign(self, *ids: str, domain: str = A, **more: Any) -> None:
        """Campaigns at Voluum on a domain."""
        for number in ids:
            self.sandbox.edit("voluum", number, preferredTrackingDomain=domain, **more)

    def shown(self, *ids: str) -> list[str]:
        """The domains that Voluum really holds."""
        return [self.raw(number)["preferredTrackingDomain"] for number in ids]

    def raw(self, number: str) -> dict[str, Any]:
        rows = self.sandbox.control("GET", "state/voluum")["campaigns"]
        return next(row for row in rows if row["id"] == number)

    def fault(self, action: dict[str, Any], method: str = "*", path: str = "/campaign*", **rule: Any) -> None:
        self.sandbox.fault("voluum", action, match={"method": method, "path": path}, **rule)

    def writes(self) -> list[tuple[str, str]]:
        """(campaign, domain) of every write that had an effect, in order."""
        effects = [row["effect"] or {} for row in self.sandbox.journal("voluum")]
        return [(effect["campaign"], effect["domain"]) for effect in effects if "campaign" in effect]

    def switch(self, name: str = "P") -> int:
        """Leave the active domain for the next one; the id of the switch."""
        return persons.switch(name, ANNA, "because").id

    def work(self, *tasks: str, most: int = 60) -> list[str]:
        """Run what is due and what follows from it, announcements left out; the tasks that ran."""
        ran: list[str] = []
        while len(ran) < most and (found := self._next(tasks or PLATFORMS)):
            row_id, task, arguments = found
            execute(f"delete from {table()} where id = %s", (row_id,))
            ran.append(task)
            self._run(task, arguments)
        return ran

    def _run(self, task: str, arguments: dict[str, Any]) -> None:
        try:
            ACTORS[task].fn(**arguments)
        except Busy as busy:
            ACTORS[task].send_with_options(kwargs=arguments, delay=int(busy.seconds * 1000))

    def _next(self, tasks: tuple[str, ...]) -> tuple[int, str, dict[str, Any]] | None:
        for row_id, body, _ in self.waiting():
            if body["actor_name"] in tasks and _ <= now() + HEAD_START:
                return row_id, body["actor_name"], body["kwargs"]
        return None

    def waiting(self) -> list[tuple[int, dict[str, Any], datetime]]:
        rows = fetch(f"select id, body, available_at from {table()} order by available_at, id")
        return [(int(row_id), decode(bytes(body)), instant(at)) for row_id, body, at in rows]

    def lose_messages(self) -> None:
        execute(f"delete from {table()}")

    def pass_time(self, seconds: float) -> list[str]:
        """Let time go by and run what became due."""
        self.shift(timedelta(seconds=seconds))
        return self.work()

    def sweep(self) -> list[str]:
        ACTORS["sweep_unfinished_switches"].fn()
        return self.work()


def step(switch_id: int, name: str = "voluum") -> dict[str, Any]:
    """A step as it is stored."""
    columns = ("state", "attempts", "tries", "items_done", "items_total", "last_error", "next_attempt_at", "proved_at")
    rows = fetch(f"select {', '.join(columns)} from switch_step where switch_id = %s and step = %s", (switch_id, name))
    return dict(zip(columns, rows[0], strict=True))


def waits(switch_id: int) -> float:
    """Seconds until the next try."""
    return round((instant(step(switch_id)["next_attempt_at"]) - now()).total_seconds(), 3)


def items(switch_id: int) -> dict[str, str]:
    """The state of each change, by campaign."""
    return dict(fetch("select object_id, state from platform_change where switch_id = %s", (switch_id,)))


def seen() -> dict[str, str]:
    """The domain that each campaign was last read with."""
    return dict(fetch("select object_id, seen_domain from platform_observation where platform = 'voluum'"))


@contextmanager
def staged(sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: Any, folder: Path) -> Iterator[Stage]:
    """A pipeline of three domains with three campaigns, no limit but the sandbox's own."""
    sandbox.reset()
    sandbox.edit("voluum", "settings", per_second=100_000)
    monkeypatch.setattr(platforms, "VOLUUM", Limit("voluum", 1e6, 1e6))
    platforms._voluum.cache_clear()
    with watched(sandbox, settings_env, monkeypatch, folder) as shift:
        stage = Stage(sandbox, shift)
        pipeline("P", A, B, C, with_update_voluum=True)
        stage.campaign(*ALL)
        yield stage
    platforms._voluum.cache_clear()
