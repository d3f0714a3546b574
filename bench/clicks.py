"""B1: signed links, through the redirect, RabbitMQ and one worker into PostgreSQL; the Celery peer in the same run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench import journal, load, wrk
from bench.report import CountsDiffer, Report
from bench.stage import Stage, stage
from bench.system import System
from bench.world import visits
from config.clock import monotonic
from config.settings import environment

OPEN_RATE = 1_000
LINKS_PER_SECOND = 15_000
PEER_LINKS_PER_SECOND = 1_500
CONNECTIONS = 128


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run: the load, what was decided, how long the backlog took, CPU seconds by process."""

    load: wrk.Load
    decided: int
    drain_s: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """Clicks decided per second, end to end."""
        return self.decided / (self.load.seconds + self.drain_s)


@dataclass(frozen=True, slots=True)
class Ours:
    """Our two phases on the same processes: visitors who come at their own rate, then as many as can be served."""

    open: Run
    full: Run


def main(seconds: int = 60) -> Report:
    """Run the bench and publish its table."""
    report = Report("clicks", "B1 clicks through the redirect, stored (2 cores shared by everything)")
    with stage() as here:
        bare = _bare(here, seconds=min(10, seconds))
        ours = _ours(here, seconds)
        peer = _peer(here, min(15, seconds))
    report.add(what="bare 302 on Granian (limit)", rate=bare.rate, p50_ms=bare.p50_ms, p99_ms=bare.p99_ms)
    _add(report, f"Signalbox, {OPEN_RATE:,}/s arriving at their own times", ours.open)
    _add(report, "Signalbox, saturated", ours.full)
    _add(report, "Celery, one task per click", peer)
    report.facts = {
        "times the peer": round(ours.full.rate / peer.rate, 1),
        "percent of bare": round(100 * ours.full.rate / bare.rate, 1),
        "cpu_s per 1,000 clicks": _cpu_per_1000(ours.full),
        "the same at the open rate": _cpu_per_1000(ours.open),
    }
    report.publish()
    return report


def _add(report: Report, what: str, run: Run) -> None:
    load = run.load
    report.add(
        what=what, rate=run.rate, p50_ms=load.p50_ms, p99_ms=load.p99_ms, answers=load.answers, decided=run.decided,
        drain_s=run.drain_s,
    )  # fmt: skip


def _bare(here: Stage, *, seconds: int) -> wrk.Load:
    requests = here.folder / "bare.txt"
    wrk.write_requests(requests, visits(here.world, here.settings, 10_000))
    with here.system("bare") as system:
        granian(system, "bare", "bench.peers.bare:application", here.redirect_port)
        return wrk.run(here.redirect_url, requests, seconds=seconds, connections=CONNECTIONS)


def _ours(here: Stage, seconds: int) -> Ours:
    at_own_rate = OPEN_RATE * max(5, seconds // 3)
    visitors = visits(here.world, here.settings, at_own_rate + LINKS_PER_SECOND * seconds)
    first, rest = here.folder / "open.txt", here.folder / "ours.txt"
    load.write_requests(first, islice(visitors, at_own_rate))
    wrk.write_requests(rest, visitors)
    with here.system("ours") as system:
        system.start("worker", "worker", "--lane", "clicks")
        system.start("relay", "relay")
        system.start("redirect", "redirect", "--port", str(here.redirect_port))
        system.wait_for_http("redirect", f"{here.redirect_url}/healthz")
        opened = _measured(here, system, lambda: _arrive(here, first))
        full = _measured(
            here, system, lambda: wrk.run(here.redirect_url, rest, seconds=seconds, connections=CONNECTIONS)
        )
    return Ours(opened, full)


def _measured(here: Stage, system: System, send: Callable[[], wrk.Load]) -> Run:
    """Send a load, wait until it is decided, and count what it added."""
    before, cpu_before = here.outcomes().decided, _cpu(here, system)
    sent = send()
    drain_s = drained(lambda: here.outcomes().decided - before, sent.answers)
    cpu_after = _cpu(here, system)
    time.sleep(1)
    decided = here.outcomes().decided - before
    check_counts("Signalbox", sent, decided)
    return Run(sent, decided, drain_s, {name: cpu_after[name] - cpu_before[name] for name in cpu_after})


def _arrive(here: Stage, requests: Path) -> wrk.Load:
    """Visitors at a fixed rate, whether or not earlier ones were answered; latency counts from when each was due."""
    seen = here.folder / "open.journal"
    command = [sys.executable, "-m", "bench.load", str(requests), str(seen)]
    address = ["--port", str(here.redirect_port), "--rate", str(OPEN_RATE)]
    subprocess.run([*command, *address], env=environment(), check=True)
    record = journal.read(seen)
    late = record.latencies()
    for number, why in record.failures.items():
        print(f"visit {number} at {record.attempts[number]:.3f} s got no answer: {why}", file=sys.stderr)
    failed = len(record.attempts) - sum(answer.status == 302 for answer in record.answers.values())
    seconds = max(answer.at for answer in record.answers.values()) - min(record.attempts.values())
    p50, p99 = (1000 * journal.quantile(late, share) for share in (0.5, 0.99))
    return wrk.Load(len(record.answers), seconds, failed, p50, p99)


def _cpu_per_1000(run: Run) -> dict[str, float]:
    return {name: round(1000 * value / run.decided, 4) for name, value in run.cpu.items()}


def _peer(here: Stage, seconds: int) -> Run:
    from bench.peers.celery_app import PeerBlacklist, PeerClick, database

    with database.connection_context():
        database.create_tables([PeerClick, PeerBlacklist])
    requests = here.folder / "peer.txt"
    wrk.write_requests(requests, visits(here.world, here.settings, PEER_LINKS_PER_SECOND * seconds))
    with here.system("peer") as system:
        start_celery(system)
        granian(system, "redirect", "bench.peers.redirect:application", here.redirect_port)
        load = wrk.run(here.redirect_url, requests, seconds=seconds, connections=CONNECTIONS)
        stored = "select count(*) from peerclick"
        drain_s = drained(lambda: int(here.query(stored)[0][0]), load.answers)
    decided = int(here.query(stored)[0][0])
    check_counts("peer", load, decided)
    return Run(load, decided, drain_s, {})


def start_celery(system: System, queue: str = "peer-clicks") -> None:
    """The peer's worker: prefork with two processes."""
    options = ("-A", "bench.peers.celery_app", "worker", "-c", "2", "-Q", queue, "--without-gossip", "--without-mingle")
    system.start("celery", *options, "--without-heartbeat", "-l", "ERROR", module="celery")


def granian(system: System, name: str, application: str, port: int) -> None:
    """Serve a WSGI application with one Granian worker, as our redirect is served."""
    options = (
        "--interface",
        "wsgi",
        "--http",
        "1",
        "--no-ws",
        "--workers",
        "1",
        "--blocking-threads",
        str(CONNECTIONS),
    )
    limits = ("--backpressure", "256", "--port", str(port), "--no-log")
    system.start(name, *options, *limits, application, module="granian")
    system.wait_for_http(name, f"http://127.0.0.1:{port}/healthz")


def drained(decided: Any, answers: int, seconds: float = 600) -> float:
    """Seconds until so many clicks are decided; raises CountsDiffer when that never comes."""
    started = asked = monotonic()
    while (count := decided()) < answers:
        answered = monotonic()
        if answered - started > seconds:
            raise CountsDiffer(f"{answers:,} answered, {count:,} decided after {seconds:.0f} s")
        # counting a million rows costs time that belongs to the work that is measured
        time.sleep(max(0.1, 10 * (answered - asked)))
        asked = monotonic()
    return monotonic() - started


def check_counts(who: str, load: wrk.Load, decided: int) -> None:
    """Every answer has an outcome, and nothing else has but the requests that were under way when the load stopped."""
    if load.failures or not load.answers <= decided <= load.answers + CONNECTIONS:
        raise CountsDiffer(f"{who}: {load.answers:,} answered, {decided:,} decided, {load.failures} failed")


def _cpu(here: Stage, system: System) -> dict[str, float]:
    ours = {name: process.cpu_seconds() for name, process in system.processes.items()}
    return ours | {"postgresql": here.database.cpu_seconds(), "rabbitmq": here.broker.cpu_seconds()}


if __name__ == "__main__":
    main()
