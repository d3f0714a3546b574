"""Days of the past as they stand when they are closed: clicks, impressions, faults, statistics at every grain, pay."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from config.clock import today
from models import archive, bulk, partitions
from models.archive import KEYS
from models.archive_checks import SUMS
from models.database import db, execute, fetch, is_postgres
from models.fields import day as as_day

PER_DAY = 6
COST, PAY = 50_000, 30_000
GRAINS = ("stats_daily_adv", "stats_daily_user", "stats_overall_by_date", "ledger_entry", "account")

_CLICKS = bulk.Rows(
    "click_day day, click_id uuid, clicked_at instant, ip inet, actor_net cidr, offer_id int, informer_id int, "
    "state text, is_unique bool, is_social bool, advertiser_cost int, partner_cost int, user_agent text"
)
_INSERT_CLICKS = """
insert into click (click_day, click_id, clicked_at, ip, actor_net, offer_id, informer_id, state, is_unique, is_social,
    advertiser_cost, partner_cost, user_agent, campaign_id, account_id, url, view_ms, created_at)
select v.*, 1, 1, 'https://shop.example/', 1000, v.clicked_at from {rows} where true
"""
_ERRORS = bulk.Rows("click_day day, click_id uuid, clicked_at instant, state text, payload json")
_INSERT_ERRORS = """
insert into click_error (click_day, click_id, clicked_at, state, payload, stage, code, message, created_at)
select v.*, 'charge', 'adload_timeout', 'no answer', v.clicked_at from {rows} where true
"""
_STATS = """
insert into stats_daily (day, informer_id, offer_id, campaign_id, account_id, clicks, clicks_unique, partner_cost,
    advertiser_cost, view_ms, impressions)
select click_day, informer_id, offer_id, 1, 1, count(*), sum(case when is_unique then 1 else 0 end),
    sum(partner_cost), sum(advertiser_cost), sum(view_ms), 100
from click where click_day = %s and state = 'done' group by click_day, informer_id, offer_id
"""
_ADV = "insert into stats_daily_adv (day, informer_id, account_id, site_id, {sums}) {select} group by day, informer_id"
_USER = "insert into stats_daily_user (day, account_id, {sums}) {select} group by day"
_OVERALL = "insert into stats_overall_by_date (day, timezone, refreshed_at, {sums}) {select} group by day"
_EARNED = """
insert into ledger_entry (account_id, kind, amount, ref_day, created_by, created_at)
values (1, 'earning_day', %s, %s, 'aggregate_stats', %s)
"""


def days_ago(number: int) -> date:
    return today() - timedelta(days=number)


def account() -> None:
    """The publisher that everything belongs to."""
    at = datetime.now(UTC).isoformat()
    execute(
        "insert into account (id, guid, login, kind, currency, created_at) values (1, %s, 'pub', 'user', 'USD', %s)",
        (str(UUID(int=1)), at),
    )


def make(*numbers: int, clicks: int = PER_DAY, errors: Iterable[str] = ("dismissed",)) -> None:
    """Closed days of so many days ago, with that many clicks each and an error of each state."""
    if not fetch("select 1 from account"):
        account()
    for number in numbers:
        _make(days_ago(number), clicks, list(errors))


def only_clicks(*numbers: int) -> None:
    """Clicks of so many days ago, over the whole day, which nobody has added up yet."""
    if not fetch("select 1 from account"):
        account()
    execute("insert into site (id, account_id, host) values (1, 1, 'news.example')")
    values = (str(UUID(int=7)),)
    execute("insert into informer (id, guid, account_id, site_id, title) values (7, %s, 1, 1, 'Top')", values)
    for number in numbers:
        day = days_ago(number)
        partitions.keep_ahead(day, day)
        _CLICKS.run(_INSERT_CLICKS, [_click(day, place, PER_DAY) for place in range(PER_DAY)])


def _make(day: date, clicks: int, errors: list[str]) -> None:
    partitions.keep_ahead(day, day)
    _CLICKS.run(_INSERT_CLICKS, [_click(day, number, clicks) for number in range(clicks)])
    if errors:
        fault(day, *errors)
    for offer in range(3):
        execute("insert into impression_daily values (%s, %s, %s, %s, 200, 100)", (day.isoformat(), 7, offer, False))
    execute("insert into block_view_daily values (%s, 7, 50, 40)", (day.isoformat(),))
    aggregate(day)


def fault(day: date, *states: str) -> None:
    """Faults of a day, whose partition is made if it is missing."""
    partitions.keep_ahead(day, day, ("click_error",))
    rows = [_error(day, number, state) for number, state in enumerate(states)]
    _ERRORS.run(_INSERT_ERRORS + " on conflict (click_day, click_id) do nothing", rows)


def aggregate(day: date) -> None:
    """Statistics and pay of a day."""
    text = day.isoformat()
    execute(_STATS, (text,))
    sums = ", ".join(SUMS)
    total = ", ".join(f"sum({name})" for name in SUMS)
    for statement, keys in ((_ADV, "informer_id, 1, 1"), (_USER, "1"), (_OVERALL, f"'UTC', '{moment(day)}'")):
        select = f"select day, {keys}, {total} from stats_daily where day = %s"
        execute(statement.replace("{sums}", sums).replace("{select}", select), (text,))
    earned = fetch("select partner_cost from stats_daily_user where day = %s", (text,))
    execute(_EARNED, (int(earned[0][0]) if earned else 0, text, moment(day)))


def moment(day: date, seconds: int = 43_200) -> str:
    at = datetime.combine(day, time(), UTC) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def click_id(day: date, number: int) -> str:
    """An id that was made at that time, as the redirect makes them."""
    at = int(datetime.combine(day, time(), UTC).timestamp() * 1000) + number
    return str(UUID(int=at << 80 | 0x7 << 76 | 0x2 << 62 | number))


def address(number: int) -> str:
    return f"198.51.{number // 250}.{number % 250 + 1}"


def _click(day: date, number: int, of: int) -> tuple[Any, ...]:
    at, free = moment(day, number * 86_400 // max(of, 1)), number % 3 == 2
    money = (0, 0) if free else (COST, PAY)
    net = f"{address(number)}/32"
    return (day, click_id(day, number), at, address(number), net, number % 3, 7, "done", not free, False, *money, "x")


def _error(day: date, number: int, state: str) -> tuple[Any, ...]:
    payload = f'{{"click_id": "{click_id(day, 1000 + number)}", "ip": "{address(number)}", "actor_net": "a", "u": "b"}}'
    return day, click_id(day, 1000 + number), moment(day), state, payload


def live(*tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of these tables (without: of those that are archived), sorted."""
    return {table: sorted(map(_plain, fetch(f"select * from {table}")), key=repr) for table in tables or KEYS}


def archived() -> dict[str, list[tuple[Any, ...]]]:
    """Every row in the archive, by table."""
    with archive.store().session():
        return {table: sorted(_archived(table), key=repr) for table in KEYS}


def _archived(table: str) -> list[tuple[Any, ...]]:
    found = []
    columns = ", ".join(column.name for column in db.get_columns(table))
    left = {as_day(day) for (day,) in fetch("select distinct day from archived_day")}
    for day in sorted(left | {days_ago(number) for number in range(60, 63)}):
        if archive.store().holds(table, day):
            query = f"select {columns} from {archive.store().place(table, day)} where {KEYS[table][0]} = %s"
            found += fetch(query, (day.isoformat(),))
    return [_plain(row) for row in found]


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def remembered() -> list[tuple[str, str, str, int, int, int]]:
    """What is known of days that left."""
    columns = "name, state, row_count, advertiser_cost, partner_cost"
    rows = fetch(f"select day, {columns} from archived_day order by day, name")
    return [(str(day), *rest) for day, *rest in rows]


def state() -> str:
    """One hash over live tables, archive, what is remembered, and everything that must never change."""
    everything = (live(), archived(), remembered(), live(*GRAINS), _partitions())
    return hashlib.sha256(repr(everything).encode()).hexdigest()


def _partitions() -> list[str]:
    return sorted(partitions.existing()) if is_postgres() else []
