"""The scenarios: which processes run, what is done to them, and what must be true beyond the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import outside
from bench.chaos import books, sandboxed, switches
from bench.chaos.intake import intake_paths
from bench.chaos.nemesis import Nemesis, Server
from bench.chaos.plan import Act, crashes, kills, outage
from bench.chaos.reaper import Reaper
from bench.chaos.run import Trial
from bench.chaos.sabotage import WINDOWS
from bench.journal import Record, quantile
from bench.servers.kept import free_ports
from bench.stage import Stage
from bench.system import Process, System
from config.catalog import LANES

WORKERS = ("worker-1", "worker-2")
OUTAGE_P99_MS = 300
_BEFORE_OUTAGE = 3.0
_CLICKS = ("worker", "--lane", "clicks")
_OTHER = "worker-other"
_OTHER_LANES = tuple(word for name in LANES if name != "clicks" for word in ("--lane", name))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to break the product; `goals` names what was missed although nothing was lost or doubled."""

    name: str
    says: str
    run: Callable[[Trial], None]
    goals: Callable[[Trial, Record], list[str]]
    embedded: bool = False
    variables: Callable[[Path], dict[str, str]] = lambda _: {}


def _production(trial: Trial, system: System, workers: Sequence[str] = WORKERS) -> int:
    """Start every process of production; the port on which the redirect tells its counters."""
    metrics = free_ports(1)[0]
    for name in workers:
        system.start(name, *_CLICKS)
    system.start(_OTHER, "worker", *_OTHER_LANES)
    system.start("relay", "relay")
    system.start("scheduler", "scheduler")
    port = str(trial.ground.redirect_port)
    system.start("redirect", "redirect", "--port", port, variables={"METRICS_PORT": str(metrics)})
    system.wait_for_http("redirect", f"{trial.ground.redirect_url}/readyz")
    return metrics


def clicks_kill9(trial: Trial) -> None:
    """Two workers of the clicks lane are killed in turn, now and then both."""
    acts = kills(trial.seed, trial.size.kills, trial.size.seconds, WORKERS, together_every=5)
    with trial.ground.system() as system:
        _production(trial, system)
        _strike_and_heal(trial, system, acts)


def clicks_kill9_http(trial: Trial) -> None:
    """The same with AdLoad over HTTP; what it charged is compared with what is counted."""
    acts = kills(trial.seed, trial.size.kills, trial.size.seconds, WORKERS, together_every=5)
    with trial.ground.system() as system:
        sandboxed.start(trial, system)
        _production(trial, system)
        _strike_and_heal(trial, system, acts)
        sandboxed.compare(trial)


def books_kill9(trial: Trial) -> None:
    """The worker of statistics and archive is killed while it recounts and moves days, and clicks come in."""
    books.prepare(trial)
    acts = kills(trial.seed, trial.size.kills, trial.size.seconds, (_OTHER,))
    with trial.ground.system() as system:
        _production(trial, system, workers=WORKERS[:1])
        books.hurry(trial)
        _strike_and_heal(trial, system, acts)
        books.compare(trial, system)


def switches_kill9(trial: Trial) -> None:
    """The worker of everything but clicks is killed while pipelines switch and platforms follow."""
    acts = kills(trial.seed, trial.size.kills, trial.size.seconds, (_OTHER,))
    with trial.ground.system(**switches.chat(trial)) as system, outside.outside(system) as sandbox:
        switches.prepare(trial, sandbox)
        _production(trial, system, workers=WORKERS[:1])
        lister = switches.Lister(trial, sandbox)
        lister.start()
        _strike_and_heal(trial, system, acts)
        lister.done()
        switches.compare(trial, sandbox)


def clicks_failpoints(trial: Trial, *, windows: Sequence[str] = tuple(WINDOWS), breakage: str = "") -> None:
    """Each worker kills itself in a window between two steps, and its successor in another one."""
    acts = crashes(trial.seed, trial.size.kills, windows)
    broken = ("--break", breakage) if breakage else ()
    charged_elsewhere = trial.ground.settings.adload_driver == "http"
    with trial.ground.system() as system:
        if charged_elsewhere:
            sandboxed.start(trial, system)
        _production(trial, system, workers=())

        def start(name: str, crash: str) -> Process:
            dying = ("--crash", crash) if crash else ()
            return system.start(name, *dying, *broken, *_CLICKS, module="bench.chaos.sabotage")

        trial.strike(acts, partial(Reaper, acts, WORKERS, system, start))
        trial.heal(system)
        trial.require_faults(acts)
        if charged_elsewhere:
            sandboxed.compare(trial)
        trial.notes["windows"] = dict(Counter(deed.target.partition(":")[0] for deed in trial.deeds))


def embedded_kill9(trial: Trial) -> None:
    """The one process of the embedded mode is killed, its file and spool stay."""
    acts = kills(trial.seed, trial.size.kills, trial.size.seconds, ("up",))
    with trial.ground.system() as system:
        web = str(free_ports(1)[0])
        system.start("up", "up", "--port", web, "--redirect-port", str(trial.ground.redirect_port))
        system.wait_for_http("up", f"{trial.ground.redirect_url}/readyz")
        _strike_and_heal(trial, system, acts)


def stopped(trial: Trial, *, names: Sequence[str]) -> None:
    """The broker, or broker and database, are away for a while under load."""
    acts = outage(_BEFORE_OUTAGE, trial.size.outage, names)
    with trial.ground.system() as system:
        metrics = _production(trial, system)
        _strike_and_heal(trial, system, acts, _servers(trial))
        trial.notes["intake_path"] = intake_paths(metrics)


def redirect_kill9(trial: Trial) -> None:
    """The redirect is killed while it spools; whoever starts after it hands the files over."""
    away = outage(_BEFORE_OUTAGE, trial.size.outage, ("broker", "database"))
    during = kills(trial.seed, trial.size.kills, trial.size.outage - 1.0, ("redirect",))
    shifted = [Act(act.t + _BEFORE_OUTAGE + 1.0, act.do, act.targets) for act in during]
    with trial.ground.system() as system:
        _production(trial, system)
        _strike_and_heal(trial, system, [away[0], *shifted, away[1]], _servers(trial))


def _strike_and_heal(
    trial: Trial, system: System, acts: Sequence[Act], servers: dict[str, Server] | None = None
) -> None:
    trial.strike(acts, partial(Nemesis, acts, system, servers or {}))
    trial.heal(system)
    trial.require_faults(acts)


def _servers(trial: Trial) -> dict[str, Server]:
    assert isinstance(trial.ground, Stage)
    return {"broker": trial.ground.broker, "database": trial.ground.database}


def everybody_was_answered(trial: Trial, record: Record) -> list[str]:
    """Where the redirect itself is left alone, each visitor gets an answer."""
    silent = len(record.attempts) - len(record.answers)
    return [f"{silent} visitors got no answer"] if silent else []


def answered_in_time(trial: Trial, record: Record) -> list[str]:
    """The answer also comes within the budget while servers are away."""
    p99 = 1000 * quantile(record.latencies(), 0.99)
    late = [f"redirect p99 {p99:.0f} ms, goal {OUTAGE_P99_MS} ms"] if p99 > OUTAGE_P99_MS else []
    return everybody_was_answered(trial, record) + late


def nothing_more(trial: Trial, record: Record) -> list[str]:
    """The counts are all there is to ask."""
    return []


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("clicks-kill9", "workers killed while clicks come in", clicks_kill9, everybody_was_answered),
        Scenario(
            "clicks-kill9-http", "the same, AdLoad over HTTP", clicks_kill9_http, everybody_was_answered,
            variables=sandboxed.variables,
        ),
        Scenario(
            "clicks-failpoints", "workers die between two steps", clicks_failpoints, everybody_was_answered,
            variables=sandboxed.variables,
        ),
        Scenario("books-kill9", "statistics and archive killed at work", books_kill9, everybody_was_answered),
        Scenario(
            "switches-kill9", "killed while pipelines switch", switches_kill9, everybody_was_answered,
            variables=switches.variables,
        ),
        Scenario("embedded-kill9", "the whole embedded product killed", embedded_kill9, nothing_more, embedded=True),
        Scenario(
            "broker-outage", "RabbitMQ away under load", partial(stopped, names=("broker",)), answered_in_time,
        ),
        Scenario(
            "broker-and-database-outage", "RabbitMQ and PostgreSQL away under load",
            partial(stopped, names=("broker", "database")), answered_in_time,
        ),
        Scenario("redirect-kill9", "the redirect killed while it spools", redirect_kill9, nothing_more),
    )
}  # fmt: skip

# builds with one promise taken out, each of which the count must catch
BROKEN: dict[str, Scenario] = {
    "ack-first": Scenario(
        "ack-first", "broken on purpose: messages are acknowledged before they are worked on",
        partial(clicks_failpoints, windows=("deciding",), breakage="ack_first"), nothing_more,
    ),
    "new-ids": Scenario(
        "new-ids", "broken on purpose: each delivery of a click gets an id of its own",
        partial(clicks_failpoints, windows=("recorded",), breakage="new_ids"), nothing_more,
    ),
}  # fmt: skip
