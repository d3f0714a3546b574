"""Reports: statistics of a period at one grain, with everything that is derived from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from config.clock import now
from config.settings import get_settings
from core.ads import days
from core.ads.measures import derived
from models import stats_read
from models.reading import at_leisure
from models.stats_read import Line
from models.stats_sql import UPPER

DAY = timedelta(days=1)


class By(StrEnum):
    """What a line of a report stands for."""

    DAY = "day"
    OFFER = "offer"
    INFORMER = "informer"
    PUBLISHER = "publisher"
    MANAGER = "manager"


class Colour(StrEnum):
    """How lively a publisher is: active today, on one of the two days before, or neither."""

    GREEN = "green"
    RED = "red"
    ORANGE = "orange"


_MONEY = ("advertiser_cost", "partner_cost", "income", "publisher_share_bp")
_OFFER = (
    "impressions_requested", "impressions", "clicks", "clicks_unique", "ctr_bp", "social_impressions",
    "social_clicks", "social_clicks_unique", "social_ctr_bp", "ctr_difference_bp", *_MONEY, "average_click_price",
    "average_view_ms",
)  # fmt: skip
_BLOCKS = ("block_views_requested", "block_views", "visibility_bp", "block_ctr_bp")
_REFUSED = ("rejected", "rejected_warning", "rejected_banned", "rejected_filtered", "errors")
MEASURES = {
    By.DAY: (*_OFFER, *_BLOCKS, *_REFUSED),
    By.OFFER: _OFFER,
    By.INFORMER: (*_OFFER, *_BLOCKS, *_REFUSED),
    By.PUBLISHER: (*_OFFER, *_BLOCKS, *_REFUSED),
    By.MANAGER: _MONEY,
}
"""What a line shows, in order; loads and refusals belong to no offer."""
_GRAINS = {
    By.OFFER: stats_read.OFFERS,
    By.INFORMER: stats_read.INFORMERS,
    By.PUBLISHER: stats_read.PUBLISHERS,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the day or id, its names, its measures."""

    key: date | int
    labels: dict[str, Any]
    measures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The lines of a period, their total, and how far they can be trusted.

    `refreshed_at` is None when nothing was computed; `archived` are days that this grain has no lines for any more.
    """

    by: By
    first: date
    last: date
    rows: list[Row]
    total: dict[str, int]
    refreshed_at: datetime | None
    zones: tuple[str, ...]
    archived: list[date]


def today() -> date:
    """The current day of the reports."""
    return days.stat_day(days.microseconds(now()), get_settings().local_timezone)


def report(by: By, first: date, last: date, login: str | None = None) -> Report:
    """The statistics of a period; raises LookupError for an unknown login, ValueError where one makes no sense."""
    if login and by is By.MANAGER:
        raise ValueError("managers have no figures by account")
    with at_leisure():
        account_id = stats_read.account_of(login) if login else None
        lines = _lines(by, first, last, account_id)
        refreshed_at, zones = stats_read.freshness(first, last)
        archived = stats_read.archived("stats_daily", first, last) if by is By.OFFER else []
    rows = [_row(by, line) for line in lines]
    return Report(by, first, last, rows, _total(by, lines), refreshed_at, zones, archived)


def _lines(by: By, first: date, last: date, account_id: int | None) -> list[Line]:
    if by is By.DAY:
        return _days(first, last, account_id)
    if by is By.MANAGER:
        return stats_read.managers(first, last)
    lines = stats_read.lines(_GRAINS[by], first, last, account_id)
    return _coloured(lines) if by is By.PUBLISHER else lines


def _days(first: date, last: date, account_id: int | None) -> list[Line]:
    """Every day of the period, those without figures too."""
    if account_id is None:
        found = stats_read.network_days(first, last)
        empty: dict[str, Any] = dict.fromkeys(stats_read.DAILY_COUNTS, 0)
    else:
        found, empty = stats_read.lines(stats_read.DAYS_OF_PUBLISHER, first, last, account_id), {}
    known = {stats_read.day_of(line): line for line in found}
    nothing = Line(None, empty, dict.fromkeys(UPPER, 0))
    wanted = [first + number * DAY for number in range((last - first).days + 1)]
    return [known.get(day, nothing)._replace(key=day) for day in wanted]


def _coloured(lines: Iterable[Line]) -> list[Line]:
    current = today()
    active = stats_read.active_accounts(current, current - 2 * DAY)
    return [line._replace(labels=line.labels | {"colour": colour(active.get(int(line.key)))}) for line in lines]


def colour(active_today: bool | None) -> Colour:
    """The colour of an account that was active today or not; None = on none of the last three days."""
    if active_today is None:
        return Colour.ORANGE
    return Colour.GREEN if active_today else Colour.RED


def _row(by: By, line: Line) -> Row:
    return Row(line.key, line.labels, _shown(by, line.sums))


def _total(by: By, lines: Iterable[Line]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for line in lines:
        sums.update(line.sums)
    return _shown(by, sums)


def _shown(by: By, sums: dict[str, int]) -> dict[str, int]:
    values = {**sums, **derived(sums)}
    return {name: values.get(name, 0) for name in MEASURES[by]}
