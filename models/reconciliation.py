"""What we counted and what AdLoad charged, side by side per campaign and UTC day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models import bulk
from models.campaigns import outside_id
from models.database import db, fetch
from models.fields import bind

ELSEWHERE = 0
"""Stands for all campaigns that AdLoad charges and that we do not have."""


@dataclass(frozen=True, slots=True)
class Line:
    """One campaign on one day; costs in micro-units."""

    campaign_id: int
    clicks_here: int
    clicks_there: int
    cost_here: int
    cost_there: int
    differs: bool


# a social click was sent to AdLoad only if AdLoad is told of those; a click that is not unique never is
_COUNTED = """
select campaign_id, count(*), sum(advertiser_cost) from click
where click_day = %s and state = 'done' and is_unique and (%s or not is_social)
group by campaign_id order by campaign_id
"""
_KNOWN = "select id, adload_id, guid from campaign where adload_id {in:text} or guid {in:uuid} order by id"
_LINES = bulk.Rows("campaign_id int, clicks_here int, clicks_there int, cost_here int, cost_there int, differs bool")
_PUT = """
insert into reconciliation (day, campaign_id, clicks_here, clicks_there, cost_here, cost_there, differs, checked_at)
select %s, campaign_id, clicks_here, clicks_there, cost_here, cost_there, differs, {instant} from {rows} where true
on conflict (day, campaign_id) do update set clicks_here = excluded.clicks_here, clicks_there = excluded.clicks_there,
    cost_here = excluded.cost_here, cost_there = excluded.cost_there, differs = excluded.differs,
    checked_at = excluded.checked_at
"""
_DROP = "delete from reconciliation where day = %s and not (campaign_id {in:int})"
_STORED = """
select campaign_id, clicks_here, clicks_there, cost_here, cost_there, differs from reconciliation
where day = %s order by campaign_id
"""
_ARCHIVED = "select 1 from archived_day where day = %s and name = 'click' and state <> 'restored'"


def counted(day: date, *, social: bool) -> dict[int, tuple[int, int]]:
    """(clicks, cost) by campaign of the clicks of a UTC day that AdLoad has charged, as far as our rows say."""
    return {int(key): (int(clicks), int(cost)) for key, clicks, cost in fetch(_COUNTED, (bind(day), social))}


def ids_of(outside_ids: Iterable[str]) -> dict[str, int]:
    """Our keys of campaigns by what AdLoad calls them."""
    wanted = bulk.among(sorted(outside_ids))
    return {str(outside_id(adload_id, guid)): int(key) for key, adload_id, guid in bulk.read(_KNOWN, (wanted, wanted))}


def replace(day: date, lines: Sequence[Line], at: datetime) -> None:
    """Make these the lines of a day."""
    rows: list[tuple[Any, ...]] = [
        (line.campaign_id, line.clicks_here, line.clicks_there, line.cost_here, line.cost_there, line.differs)
        for line in lines
    ]
    with db.atomic():
        _LINES.run(_PUT, rows, before=(bind(day), bind(at)))
        bulk.run(_DROP, (bind(day), bulk.among(line.campaign_id for line in lines)))


def stored(day: date) -> list[Line]:
    """The lines of a day."""
    return [
        Line(int(key), int(here), int(there), int(cost_here), int(cost_there), bool(differs))
        for key, here, there, cost_here, cost_there, differs in fetch(_STORED, (bind(day),))
    ]


def is_archived(day: date) -> bool:
    """True if the clicks of a day have left the live tables, or are about to."""
    return bool(fetch(_ARCHIVED, (bind(day),)))
