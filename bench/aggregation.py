"""One day of clicks made into statistics and earnings, against the bare GROUP BY over the same rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from bench.report import Report, must_equal
from bench.stage import Stage, stage
from config.clock import monotonic, today
from config.settings import get_settings
from core.ads import statistics
from models import stats_sql
from models.database import connect, disconnect, ensure_connection, execute, fetch
from models.fields import bind
from models.stats import Span, patiently, window

CLICKS = 5_000_000
INFORMERS, OFFERS = 200, 50
ROUNDS = 3

_INFORMERS = """
with more as (
    insert into site (account_id, host)
    select 1 + n %% (select count(*) from account), 'more-' || n || '.example' from generate_series(1, %s) as s (n)
    returning id, account_id
)
insert into informer (guid, account_id, site_id, title) select gen_random_uuid(), account_id, id, 'block' from more
"""
# ids in the order of time, as ours are; every tenth click is the second one on its offer, every twentieth social
_CLICKS = """
insert into click (click_day, click_id, clicked_at, ip, actor_net, offer_id, campaign_id, informer_id, account_id, url,
    state, is_unique, is_social, advertiser_cost, partner_cost, price_id, view_ms, user_agent, created_at)
select %s, lpad(to_hex(n), 32, '0')::uuid, %s::timestamptz + n * (interval '1 day' / %s),
    '11.0.0.0'::inet + n / 2, network('11.0.0.0'::inet + n / 2), 1 + n / %s %% %s, 1, i.id, i.account_id,
    'https://shop.example/buy?n=' || n, 'done', paid or n %% 20 = 0, n %% 20 = 0,
    case when paid then 50000 + n %% 50 else 0 end, case when paid then 28500 else 0 end,
    case when paid then 1 end, 1000 + n %% 60000, %s, now()
from (select n, n %% 10 <> 1 and n %% 20 <> 0 as paid from generate_series(0, %s - 1) as s (n)) as c
join informer i on i.id = 1 + c.n %% %s
"""
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_BARE = """
select click_day, informer_id, offer_id, count(*), sum(partner_cost), sum(advertiser_cost) from click
where click_day = %s group by click_day, informer_id, offer_id
"""
_COUNTS = """
select (select count(*) from click where click_day = %s),
    (select sum(clicks + social_clicks) from stats_daily where day = %s),
    (select sum(clicks + social_clicks) from stats_daily_adv where day = %s),
    (select sum(clicks + social_clicks) from stats_daily_user where day = %s),
    (select clicks + social_clicks from stats_overall_by_date where day = %s)
"""
_MONEY = """
select (select sum(partner_cost) from click where click_day = %s),
    (select sum(partner_cost) from stats_daily_user where day = %s),
    (select sum(amount) from ledger_entry where ref_day = %s)
"""


def main(clicks: int = CLICKS) -> Report:
    """Load the day and its neighbours, then compute and group in turns, and count everything again."""
    report = Report("aggregation", f"Statistics of a day: {INFORMERS} informers × {OFFERS} offers")
    day = today() - timedelta(days=1)
    with stage() as here:
        connect(here.settings)
        ensure_connection()
        loading = _timed(lambda: _load(day, clicks))
        first = _timed(lambda: statistics.refresh_day(day, get_settings()))
        bare, again = _in_turns(day)
        _count(here, day, clicks)
        report.facts = {"ratio": round(first / bare, 2), "ratio when nothing changed": round(again / bare, 2)}
        report.facts |= {"partitions read": ", ".join(_partitions_read(day)), "loading s": round(loading, 1)}
        disconnect()
    for what, seconds in (("bare GROUP BY", bare), ("first time", first), ("again, nothing changed", again)):
        report.add(what=what, clicks=clicks, seconds=seconds, rate=clicks / seconds)
    report.publish()
    return report


def _load(day: date, clicks: int) -> None:
    with patiently():
        _run(_INFORMERS, (INFORMERS - 8,))
        for of, number in (
            (day, clicks),
            (day - timedelta(days=1), clicks // 10),
            (day + timedelta(days=1), clicks // 10),
        ):
            _run(_CLICKS, (bind(of), bind(of), number, INFORMERS, OFFERS, _BROWSER, number, INFORMERS))
    _run("vacuum analyze click", ())


def _run(sql: str, parameters: tuple[Any, ...]) -> None:
    execute("set statement_timeout = 0")
    execute(sql, parameters)


def _in_turns(day: date) -> tuple[float, float]:
    """The best of each, so that a slow minute of the machine hits both."""
    bare, again = [], []
    for _ in range(ROUNDS):
        bare.append(_timed(lambda: fetch(_BARE, (bind(day),))))
        again.append(_timed(lambda: statistics.refresh_day(day, get_settings())))
    return min(bare), min(again)


def _timed(work: Callable[[], object]) -> float:
    begun = monotonic()
    work()
    return monotonic() - begun


def _count(here: Stage, day: date, clicks: int) -> None:
    names = ("facts", "by offer", "by informer", "by account", "over all")
    counted = here.query(_COUNTS.replace("%s", f"'{day}'"))[0]
    must_equal("clicks", {"loaded": clicks} | dict(zip(names, map(int, counted), strict=True)))
    money = here.query(_MONEY.replace("%s", f"'{day}'"))[0]
    must_equal("money", dict(zip(("clicks", "statistics", "ledger"), map(int, money), strict=True)))


def _partitions_read(day: date) -> list[str]:
    span: Span = statistics.span_of(day, "UTC")
    plan = fetch("explain " + stats_sql.DAILY.gather, (*window(span), bind(day)))
    return sorted(set(re.findall(r" on (click_\d+)", str(plan))))


if __name__ == "__main__":
    main()
