"""Whether a day may leave the live tables: nothing under way, and the same sums at every grain."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from models import bulk
from models.fields import bind

SUMS = (
    "impressions_requested", "impressions", "clicks", "clicks_unique", "social_impressions", "social_clicks",
    "social_clicks_unique", "partner_cost", "advertiser_cost", "view_ms",
)  # fmt: skip
COUNTED = ("clicks", "clicks_unique", "social_clicks", "social_clicks_unique", "partner_cost", "advertiser_cost")
_GRAIN = "select {sums} from {table} where day = %s"
_CLICKS = """
select coalesce(sum(case when is_social then 0 else 1 end), 0),
    coalesce(sum(case when is_unique and not is_social then 1 else 0 end), 0),
    coalesce(sum(case when is_social then 1 else 0 end), 0),
    coalesce(sum(case when is_unique and is_social then 1 else 0 end), 0),
    coalesce(sum(partner_cost), 0), coalesce(sum(advertiser_cost), 0)
from click where state = 'done' and click_day {in:day} and clicked_at >= {instant} and clicked_at < {instant}
"""
_PENDING = "select 1 from click where state = 'pending' and click_day {in:day} limit 1"
_REPLAYED = "select 1 from click_error where state = 'retry' and click_day {in:day} limit 1"
_DIRTY = "select 1 from stats_dirty_day where day {in:day} limit 1"


def pending(days: Collection[date]) -> bool:
    """Whether clicks of these UTC days wait for AdLoad."""
    return bool(bulk.read(_PENDING, (bulk.among(days),)))


def replayed(days: Collection[date]) -> bool:
    """Whether faults of these UTC days are being replayed just now."""
    return bool(bulk.read(_REPLAYED, (bulk.among(days),)))


def dirty(days: Collection[date]) -> bool:
    """Whether statistics of these days are to be computed again."""
    return bool(bulk.read(_DIRTY, (bulk.among(days),)))


def grains_differ(day: date) -> dict[str, tuple[int, int]]:
    """Measures whose sums of a day differ between informer-and-offer and informer level: (lower, upper)."""
    lower, upper = _sums("stats_daily", SUMS, day), _sums("stats_daily_adv", SUMS, day)
    return {name: (lower[name], upper[name]) for name in SUMS if lower[name] != upper[name]}


def clicks_differ(
    day: date, click_days: Collection[date], bounds: tuple[datetime, datetime]
) -> dict[str, tuple[int, int]]:
    """Measures of a day whose sum over the recorded clicks is not that of the statistics: (clicks, statistics)."""
    values = bulk.read(_CLICKS, (bulk.among(click_days), *map(bind, bounds)))[0]
    clicks = dict(zip(COUNTED, map(int, values), strict=True))
    stats = _sums("stats_daily", COUNTED, day)
    return {name: (clicks[name], stats[name]) for name in COUNTED if clicks[name] != stats[name]}


def _sums(table: str, names: tuple[str, ...], day: date) -> dict[str, int]:
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
    rows: list[tuple[Any, ...]] = bulk.read(_GRAIN.replace("{sums}", sums).replace("{table}", table), (bind(day),))
    return dict(zip(names, map(int, rows[0]), strict=True))
