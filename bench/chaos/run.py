"""One scenario from start to end: load and faults together, then heal, then the count."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench import journal
from bench.chaos import checker, facts, plan
from bench.chaos.nemesis import Deed, Hunter
from bench.chaos.plan import Act, Do
from bench.chaos.profiles import Size
from bench.load import write_requests
from bench.servers.kept import until
from bench.stage import Ground
from bench.system import System
from bench.world import Visit, visits
from config.clock import monotonic
from config.settings import environment
from models import invariants
from models.database import connect, disconnect

_CALM_SECONDS = 0.6
_POLL_SECONDS = 0.1


class NoVerdict(RuntimeError):
    """The run does not prove anything: the bench failed, or fewer faults happened than planned."""


@dataclass
class Trial:
    """What a scenario works with, and what it leaves behind in `folder`."""

    name: str
    seed: int
    size: Size
    ground: Ground
    folder: Path
    waiting: dict[str, int] = field(default_factory=dict)
    healed_in: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    violated: dict[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._visits: dict[int, Visit] = {}
        self.deeds: list[Deed] = []
        self.delivered_twice: int | None = None
        self._redelivered: int | None = None
        self.journal_path.unlink(missing_ok=True)

    @property
    def journal_path(self) -> Path:
        """Where the visitors' journal is."""
        return self.folder / "journal.txt"

    def strike(self, acts: Sequence[Act], hunter: Callable[[Callable[[], float]], Hunter]) -> None:
        """Send the load, let the hunter carry the plan out meanwhile, and wait for both.

        `hunter` is made of the clock that the plan counts on.
        """
        plan.save(self.folder / "plan.json", self.seed, acts)
        self._redelivered = facts.redelivered(self.ground)
        child = self._start_load()
        zero = _first_line(self.journal_path, child)
        chosen = hunter(lambda: time.time() - zero)
        chosen.start()
        try:
            self._wait_for_load(child)
            chosen.join()
        finally:
            child.kill()
            chosen.cancel()
            self.deeds = sorted(chosen.deeds, key=lambda deed: deed.t)
            lines = (orjson.dumps(asdict(deed)) + b"\n" for deed in self.deeds)
            (self.folder / "deeds.jsonl").write_bytes(b"".join(lines))

    def _start_load(self) -> subprocess.Popen[bytes]:
        self._visits = {
            visit.number: visit for visit in visits(self.ground.world, self.ground.settings, self.size.clicks)
        }
        requests = self.folder / "requests.txt"
        write_requests(requests, self._visits.values())
        address = ("--port", str(self.ground.redirect_port), "--rate", str(self.size.rate))
        command = [sys.executable, "-m", "bench.load", str(requests), str(self.journal_path), *address]
        with (self.folder / "load.log").open("wb") as log:
            return subprocess.Popen(command, env=environment(), stdout=log, stderr=log)

    def _wait_for_load(self, child: subprocess.Popen[bytes]) -> None:
        if child.wait(self.size.seconds + 120) != 0:
            raise NoVerdict(f"the load generator failed:\n{(self.folder / 'load.log').read_text()[-2000:]}")

    def heal(self, system: System) -> None:
        """Wait until nothing waits any more, for a moment without a break, or until patience ends."""
        begun = monotonic()
        calm_since = None
        while monotonic() - begun < self.size.heal:
            self.waiting = facts.open_work(self.ground)
            calm_since = None if self.waiting else calm_since or monotonic()
            if calm_since and monotonic() - calm_since > _CALM_SECONDS:
                break
            time.sleep(_POLL_SECONDS)
        self.healed_in = monotonic() - begun
        self._note_redelivered()
        self._nobody_fell(system)

    def _nobody_fell(self, system: System) -> None:
        for name in list(system.processes):
            if not system.alive(name):
                code = system.processes[name].child.returncode
                raise NoVerdict(
                    f"{name} ended by itself with {code}, {self.waiting} waiting:\n{system.log(name)[-500:]}"
                )

    def _note_redelivered(self) -> None:
        after = facts.redelivered(self.ground)
        if after is not None and self._redelivered is not None:
            # the counter begins anew with the broker
            self.delivered_twice = after - self._redelivered if after >= self._redelivered else after

    def require_faults(self, acts: Sequence[Act]) -> None:
        """Raise NoVerdict unless every planned fault found its target."""
        planned = sum(len(act.targets) for act in acts)
        found = sum(deed.found for deed in self.deeds)
        if found < planned:
            raise NoVerdict(f"{planned} faults were planned, {found} found a target")

    def judge(self) -> tuple[journal.Record, checker.Verdict, dict[str, Sequence[Any]]]:
        """The journal, what became of each visit, and everything that was violated, the stored invariants included."""
        record = journal.read(self.journal_path)
        verdict = checker.judge(record, facts.rows(self.ground), self._visits)
        # with work left over, clicks that seem lost may only be late; both are shown
        self.violated["I17 not drained"] = [f"{name} {count}" for name, count in self.waiting.items()]
        elsewhere = {name: items for name, items in self.violated.items() if items}
        return record, verdict, {**verdict.violations(), **self._stored_invariants(), **elsewhere}

    def _stored_invariants(self) -> dict[str, Sequence[Any]]:
        connect(self.ground.settings, role="chaos", statement_ms=0)
        try:
            return dict(invariants.violations())
        finally:
            disconnect()

    def found(self, do: Do) -> int:
        """How many deeds of this kind found their target."""
        return sum(deed.found for deed in self.deeds if deed.do is do)


def _first_line(path: Path, child: subprocess.Popen[bytes]) -> float:
    """Unix time at which the load began."""

    def begun() -> bool:
        if child.poll() is not None:
            raise NoVerdict("the load generator ended before it began")
        return path.exists() and b"\n" in path.read_bytes()[:64]

    until(begun, 60, lambda: NoVerdict("the load generator did not begin"))
    return float(path.read_text().split("\n", 1)[0].split()[1])
