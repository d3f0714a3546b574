"""B6: what a click costs when millions are stored, how workers add up, and which partitions a decision reads."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import psycopg2

from bench.clicks import drained
from bench.drain import publish
from bench.report import CountsDiffer, Report, must_equal
from bench.stage import Stage, stage
from bench.system import System
from bench.world import visits
from config.clock import monotonic, now, today
from models import clicks, partitions
from models.database import connect, db, disconnect, execute, fetch

CLICKS = 50_000
DAYS = 30
WORKERS = (1, 2, 4)
_STORE = """
insert into click (click_day, click_id, clicked_at, ip, actor_net, offer_id, campaign_id, informer_id, account_id, url,
    state, is_unique, is_social, advertiser_cost, partner_cost, price_id, view_ms, created_at, processed_at)
select at::date, gen_random_uuid(), at, ip, ip, 1 + n %% 50, 1, 1 + n %% 8, 1 + n %% 8,
    'https://shop.example/buy?n=' || n, 'done', true, false, 50000, 28500, 1, 30000, at, at
from (select n, %s::date + n %% %s + interval '1 second' * (n %% 86399) as at,
        '13.0.0.0'::inet + (n / 3) as ip from generate_series(1, %s) as n) as made
"""

_DECIDED = """
select (select count(*) from adload_charge) + (select count(*) from click_rejected) + (select count(*) from click_error)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """One drained backlog: clicks per second, CPU milliseconds per 1,000 clicks of worker and database."""

    rate: float
    worker: float
    database: float

    @property
    def total(self) -> float:
        """CPU milliseconds per 1,000 clicks."""
        return self.worker + self.database


def main(stored: int = 10_000_000) -> Report:
    """Drain the same backlog without and with stored clicks, then with more workers."""
    report = Report("growth", f"B6 cost of a click as the tables grow ({CLICKS:,} clicks drained, 100 per message)")
    with stage() as here:
        _drained(here, 0, 1)  # the first clicks of a new database also pay for its caches
        empty = _drained(here, 1, 1)
        _store(here, stored)
        full = _drained(here, 2, 1)
        _add(report, "no stored clicks, 1 worker", empty)
        _add(report, f"{stored:,} stored clicks, 1 worker", full)
        for place, workers in enumerate(WORKERS[1:], 3):
            _add(report, f"{stored:,} stored clicks, {workers} workers", _drained(here, place, workers))
        read = _partitions_read(here)
    report.facts = {
        "times the cost of an empty table": round(full.total / empty.total, 2),
        "partitions read by the limit query": f"{len(read)} of {DAYS + partitions.DAYS_AHEAD}",
    }
    report.publish()
    return report


def _add(report: Report, what: str, cost: Cost) -> None:
    per_1000 = {"worker_ms_per_1000": cost.worker, "postgresql_ms_per_1000": cost.database}
    report.add(what=what, rate=cost.rate, **per_1000, cpu_ms_per_1000=cost.total)


def _drained(here: Stage, turn: int, workers: int) -> Cost:
    """Drain clicks of visitors that no other turn has."""
    source = visits(here.world, here.settings, CLICKS * (turn + 1))
    publish(here, 100, islice(source, CLICKS * turn, None))
    known, all_known = _decided(here), here.outcomes().decided
    with here.system(f"turn-{turn}") as system:
        for number in range(workers):
            system.start(f"worker-{number}", "worker", "--lane", "clicks")
        drained(lambda: _decided(here) - known, 1)
        first, begun = _decided(here) - known, monotonic()
        spent = _cpu(here, system)
        drained(lambda: _decided(here) - known, CLICKS)
        seconds = monotonic() - begun
        worker, database = (after - before for after, before in zip(_cpu(here, system), spent, strict=True))
    must_equal("growth", {"sent": CLICKS, "decided": here.outcomes().decided - all_known})
    rest = CLICKS - first
    return Cost(rest / seconds, 1e6 * worker / rest, 1e6 * database / rest)


def _decided(here: Stage) -> int:
    """Clicks decided in this bench; the stored ones have no charge, so that counting does not take longer than work."""
    return int(here.query(_DECIDED)[0][0])


def _cpu(here: Stage, system: System) -> tuple[float, float]:
    """CPU seconds so far of the workers and of the database."""
    return sum(process.cpu_seconds() for process in system.processes.values()), here.database.cpu_seconds()


def _store(here: Stage, number: int) -> None:
    """Clicks of the last thirty days, by visitors who are not seen again."""
    if not number:
        return
    first = today() - timedelta(days=DAYS - 1)
    connect(here.settings, role="bench", statement_ms=0)
    partitions.keep_ahead(first)
    disconnect()
    with closing(psycopg2.connect(here.variables["DATABASE_URL"])) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_STORE, (first, DAYS, number))
            if cursor.rowcount != number:
                raise CountsDiffer(f"{number:,} clicks were to be stored, {cursor.rowcount:,} were")
            cursor.execute("analyze")
            cursor.execute("checkpoint")


def _partitions_read(here: Stage) -> set[str]:
    """Partitions of click in the plan of the statement that counts a clicker's clicks, as the server tells it."""
    connect(here.settings, role="bench")
    execute("load 'auto_explain'")
    for name, value in (("log_min_duration", "0"), ("log_level", "notice")):
        fetch("select set_config(%s, %s, false)", (f"auto_explain.{name}", value))
    at, window = now(), timedelta(hours=here.settings.limit_window_hours)
    clicks.seen(["11.0.0.1/32"], at - window, at + window, ((at - window).date(), (at + window).date()))
    plan = "\n".join(db.connection().notices)
    disconnect()
    return set(re.findall(r"\bon (click_\d{8})\b", plan))


if __name__ == "__main__":
    main()
