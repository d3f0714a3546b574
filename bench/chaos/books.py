"""Statistics and archive under kills: old days come with the database, new clicks meanwhile, and all is recounted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from bench.chaos.run import NoVerdict, Trial
from bench.servers.kept import until
from bench.system import System
from config.clock import today
from models import partitions, schedule
from models.database import connect, disconnect, execute

TASKS = ("aggregate_stats", "archive_old_stats")
DAYS = 8
CLICKS_PER_DAY = 3_000
_EVERY = "every 3"
_OLD = """
with made as (
    insert into click (click_day, click_id, clicked_at, ip, actor_net, offer_id, campaign_id, informer_id, account_id,
        url, state, is_unique, is_social, advertiser_cost, partner_cost, price_id, view_ms, created_at, processed_at)
    select at::date, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008'
            || substr(md5(n::text), 1, 15))::uuid,
        at, ip, ip, 1 + n %% 50, 1, 1 + n %% 8, 1 + n %% 8, 'https://shop.example/old', 'done', true, false, 50000,
        28500, 1 + n %% 8, 30000, at, at
    from (select n, %s::date + n / %s + interval '1 second' * (n %% %s) as at, '14.0.0.0'::inet + n as ip
        from generate_series(0, %s) as n) as series
    returning click_id, campaign_id, advertiser_cost, clicked_at)
insert into adload_charge (click_id, campaign_id, cost, created_at) select * from made
"""
_MARK = "insert into stats_dirty_day (day, since) select %s::date + n, now() from generate_series(0, %s) as n"
_ARCHIVED = "select count(*) from archived_day where name = 'click' and state = 'archived'"
_TABLES = "select tablename from pg_tables where schemaname = 'archive' and tablename ~ '^click_[0-9]{8}$'"
_FACTS = """
select click_day, count(*), sum(partner_cost) from (
    select click_day, partner_cost from click where state = 'done' {archived}
) as fact group by click_day order by click_day
"""
_ARCHIVED_FACTS = " union all select click_day, partner_cost from archive.{} where state = 'done'"
_STATISTICS = "select day, clicks, partner_cost from stats_overall_by_date where clicks > 0 order by day"
_EARNED = """
select ref_day, sum(amount) from ledger_entry where created_by = 'aggregate_stats'
group by ref_day having sum(amount) <> 0 order by ref_day
"""


def first_day() -> date:
    """The oldest of the days that belong into the archive."""
    return today() - timedelta(days=60 + DAYS)


def prepare(trial: Trial) -> None:
    """Store old days, ask for their statistics, and have both tasks fired every few seconds."""
    first, last = first_day(), DAYS * CLICKS_PER_DAY - 1
    connect(trial.ground.settings, role="chaos", statement_ms=0)
    try:
        partitions.keep_ahead(first, first + timedelta(days=DAYS))
        execute(_OLD, (first, CLICKS_PER_DAY, CLICKS_PER_DAY, last))
        execute(_MARK, (first, DAYS - 1))
    finally:
        disconnect()


def hurry(trial: Trial) -> None:
    """Fire both tasks every few seconds; the scheduler has made their rows by now."""
    connect(trial.ground.settings, role="chaos")
    try:
        for task in TASKS:
            until(partial(schedule.edit, task, _EVERY), 30, lambda: NoVerdict("the scheduler has made no rows"))
    finally:
        disconnect()


def compare(trial: Trial, system: System) -> None:
    """Wait for the archive, compute once more, and note every day whose books are not its clicks."""
    until(lambda: _archived(trial) == DAYS, trial.size.heal, lambda: NoVerdict(f"{_archived(trial)} days archived"))
    system.start("last", "run", "aggregate_stats")
    if system.processes["last"].child.wait(120) != 0:
        raise NoVerdict(f"the last computation failed:\n{system.log('last')}")
    facts = _facts(trial)
    trial.notes["books"] = {"days": len(facts), "clicks": sum(row[1] for row in facts)}
    trial.violated["I5 statistics are no recount"] = _differences(facts, trial.ground.query(_STATISTICS))
    earned = [(day, int(amount)) for day, amount in trial.ground.query(_EARNED)]
    trial.violated["I3 earnings are no recount"] = _differences([(row[0], row[2]) for row in facts], earned)
    if len(facts) < DAYS + 1:
        raise NoVerdict("some days have no clicks at all")


def _archived(trial: Trial) -> int:
    return int(trial.ground.query(_ARCHIVED)[0][0])


def _facts(trial: Trial) -> list[tuple[Any, ...]]:
    """(day, clicks, partner cost) wherever the clicks are."""
    tables = [name for (name,) in trial.ground.query(_TABLES)]
    archived = "".join(_ARCHIVED_FACTS.format(name) for name in tables)
    return [(day, int(count), int(cost)) for day, count, cost in trial.ground.query(_FACTS.format(archived=archived))]


def _differences(expected: Sequence[tuple[Any, ...]], found: Sequence[tuple[Any, ...]]) -> list[str]:
    wanted, there = set(expected), {tuple(int(v) if i else v for i, v in enumerate(row)) for row in found}
    return sorted(f"missing {row}" for row in wanted - there) + sorted(f"wrong {row}" for row in there - wanted)
