"""What a run leaves behind: result.json, report.md, and the table on the terminal."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import psutil
from rich.console import Console

from bench.chaos import facts
from bench.chaos.checker import Verdict
from bench.chaos.plan import Do
from bench.chaos.run import Trial
from bench.chaos.scenarios import Scenario
from bench.chaos.story import listed, stories
from bench.journal import Record, quantile
from bench.report import table
from config.clock import now

_PACKAGES = ("dramatiq", "pika", "peewee", "psycopg2-binary", "granian")
COUNTS = ("attempted", "acknowledged", "recovered", "lost", "duplicated", "unexpected", "delivered_twice")
COLUMNS = ("scenario", "verdict", "kills", *COUNTS, "p50 ms", "p99 ms", "healed s", "took s")


@dataclass
class Result:
    """One scenario: `error` says why there is no verdict."""

    name: str
    valid: bool
    error: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    clicks: dict[str, Any] = field(default_factory=dict)
    invariants: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    recovery_s: dict[str, float] = field(default_factory=dict)
    healed_in_s: float = 0.0
    took_s: float = 0.0
    still_waiting: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    upper_bound_loss_rate_95: float = 0.0
    missed_goals: list[str] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    violations: dict[str, list[str]] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Its line of the table."""
        died = self.faults.get("kill9", 0) + self.faults.get("crash", 0)
        clicks = [self.clicks.get(name) for name in COUNTS]
        latency = (self.latency_ms.get("redirect_p50"), self.latency_ms.get("redirect_p99"))
        return dict(
            zip(COLUMNS, (self.name, self.word(), died, *clicks, *latency, self.healed_in_s, self.took_s), strict=True)
        )

    def word(self) -> str:
        """The verdict in a word or two."""
        if not self.valid:
            return "NO VERDICT"
        if self.violations:
            return "BROKEN"
        return "goal missed" if self.missed_goals else "holds"


def evaluate(trial: Trial, scenario: Scenario) -> Result:
    """Judge a finished trial by its journal and the stored rows."""
    record, verdict, violations = trial.judge()
    deeds = [deed for deed in trial.deeds if deed.do is not Do.STOP]
    recovery = facts.recovery_seconds(trial.ground, record.started, deeds)
    bad = len(verdict.lost)
    return Result(
        trial.name,
        valid=True,
        faults={do.value: trial.found(do) for do in Do},
        clicks=_clicks(verdict, trial),
        invariants={name: len(items) for name, items in violations.items()},
        latency_ms=_latency(record, trial),
        recovery_s={name: round(quantile(recovery, share), 3) for name, share in _SHARES.items()},
        healed_in_s=round(trial.healed_in, 2),
        still_waiting=trial.waiting,
        notes=trial.notes,
        upper_bound_loss_rate_95=round(3 / max(1, verdict.acknowledged), 8) if not bad else 1.0,
        missed_goals=scenario.goals(trial, record),
        stories=stories(verdict, record, facts.rows(trial.ground), trial.deeds),
        violations=listed(violations),
    )  # fmt: skip


def _clicks(verdict: Verdict, trial: Trial) -> dict[str, Any]:
    lists = ("recovered", "lost", "duplicated", "unexpected", "undecided")
    return {
        "attempted": verdict.attempted,
        "acknowledged": verdict.acknowledged,
        **{name: len(getattr(verdict, name)) for name in lists},
        "delivered_twice": trial.delivered_twice,
        "outcomes": dict(verdict.outcomes),
    }


_SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def _latency(record: Record, trial: Trial) -> dict[str, float]:
    found = {
        f"redirect_{name}": round(1000 * quantile(record.latencies(), share), 1) for name, share in _SHARES.items()
    }
    away = _away(trial)
    if away:
        found["outage_p99"] = round(1000 * quantile(record.latencies(*away), 0.99), 1)
    return found


def _away(trial: Trial) -> tuple[float, float] | None:
    """When servers were away: from the first stop to the end of the last start."""
    stops = [deed.t for deed in trial.deeds if deed.do is Do.STOP]
    starts = [deed.t + deed.took for deed in trial.deeds if deed.do is Do.START]
    return (min(stops), max(starts)) if stops and starts else None


def save(out: Path, results: Sequence[Result], seed: int, profile: str, seconds: float) -> None:
    """Write result.json and report.md."""
    document = {
        "schema": "signalbox.chaos/1", "valid": all(result.valid for result in results), "seed": seed,
        "profile": profile, "written": now().isoformat(), "duration_s": round(seconds, 1), "host": _host(),
        "versions": {name: version(name) for name in _PACKAGES},
        "scenarios": [asdict(result) for result in results],
    }  # fmt: skip
    (out / "result.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str))
    (out / "report.md").write_text(_markdown(results, seed, profile), encoding="utf-8")


def show(results: Sequence[Result], title: str) -> None:
    """Print the table, and below it what the columns have no room for."""
    Console(width=190).print(table(title, [result.row() for result in results]))
    for line in _remarks(results):
        print(line)


def _host() -> dict[str, Any]:
    return {
        "cores": psutil.cpu_count(), "mem_gib": psutil.virtual_memory().total >> 30, "kernel": platform.release(),
        "python": platform.python_version(), "cpu_steal_s": psutil.cpu_times().steal,
    }  # fmt: skip


def _remarks(results: Sequence[Result]) -> list[str]:
    lines: list[str] = []
    for result in results:
        facts_ = {"recovery s": result.recovery_s, "outcomes": result.clicks.get("outcomes")} | result.notes
        lines.append(f"{result.name}: " + "; ".join(f"{name} {value}" for name, value in facts_.items() if value))
        lines += [f"  no verdict: {result.error}"] * bool(result.error)
        lines += [f"  goal missed: {goal}" for goal in result.missed_goals]
        lines += [f"  violated {name}: {count}" for name, count in result.invariants.items()]
        lines += [f"  still waiting {result.still_waiting}"] * bool(result.still_waiting)
        lines += [f"  {story}" for story in result.stories]
    return lines


def _markdown(results: Sequence[Result], seed: int, profile: str) -> str:
    lines = [f"# Chaos run, profile {profile}, seed {seed}", "", "| " + " | ".join(COLUMNS) + " |"]
    lines.append("|" + " --- |" * len(COLUMNS))
    lines += ["| " + " | ".join(str(value) for value in result.row().values()) + " |" for result in results]
    return "\n".join([*lines, "", *(f"- {line.strip()}" for line in _remarks(results)), ""])
