"""Money that the local AdLoad driver takes: charges by click, budgets, clicks per day of capped campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from models import bulk
from models.campaigns import outside_id
from models.database import fetch, is_postgres
from models.fields import bind

Found = list[tuple[Any, ...]]
_DAY = timedelta(days=1)

_CHARGES = bulk.Rows("click_id uuid, campaign_id int, cost int")
_INSERT = """
insert into adload_charge (click_id, campaign_id, cost, created_at) select v.*, {instant} from {rows} where true
on conflict do nothing
"""
_BUDGETS = "select id, budget, spent from campaign where id {in:int} and budget is not null order by id"
_SPENT = bulk.Rows("id int, cost int")
_SPEND = """
update campaign set spent = campaign.spent + v.cost from {rows}
where campaign.id = v.id and campaign.spent + v.cost <= campaign.budget
"""
_OFFERS_BY_GUID = """
select o.guid, o.active, o.click_cost, c.id, c.status from offer o join campaign c on c.id = o.campaign_id
where o.guid {in:uuid}
"""
# a charge belongs to the day of its click; one without a click, which there should not be, to the day in its own id
_TOTALS = """
select c.id, c.adload_id, c.guid, count(*), sum(h.cost) from (
    select h.campaign_id, h.cost from click k join adload_charge h on h.click_id = k.click_id where k.click_day = %s
    union all
    select h.campaign_id, h.cost from adload_charge h
    where h.click_id >= %s and h.click_id < %s and not exists (
        select 1 from click k where k.click_id = h.click_id and k.click_day >= %s and k.click_day <= %s)
) as h join campaign c on c.id = h.campaign_id
group by c.id, c.adload_id, c.guid order by c.id
"""

_COUNTED = bulk.Rows("campaign_id int, day day, first instant, after instant")
_COUNT = """
insert into campaign_day (campaign_id, day, clicks)
select v.campaign_id, v.day, count(k.click_id)
from {rows} left join click k on k.campaign_id = v.campaign_id and k.state <> 'void'
    and k.clicked_at >= v.first and k.clicked_at < v.after and k.click_day >= %s and k.click_day <= %s
group by v.campaign_id, v.day
on conflict do nothing
"""
_ADDED = bulk.Rows("campaign_id int, day day, clicks int")
_ADD = """
update campaign_day set clicks = campaign_day.clicks + v.clicks from {rows}
where campaign_day.campaign_id = v.campaign_id and campaign_day.day = v.day
"""
_CLICKS_OF_DAYS = "select campaign_id, day, clicks from campaign_day where campaign_id {in:int} and day {in:day}"


def charged(click_ids: Iterable[str]) -> dict[str, int]:
    """What these clicks cost already."""
    rows = bulk.read("select click_id, cost from adload_charge where click_id {in:uuid}", (bulk.among(click_ids),))
    return {str(click_id): cost for click_id, cost in rows}


def budgets(campaign_ids: Iterable[int]) -> Found:
    """(campaign, budget, spent) of those that have a budget, locked until the transaction ends."""
    return bulk.read(_BUDGETS + (" for update" if is_postgres() else ""), (bulk.among(campaign_ids),))


def offers_by_guid(guids: Iterable[object]) -> Found:
    """(offer, active, cost, campaign id, its status) by public id."""
    return bulk.read(_OFFERS_BY_GUID, (bulk.among(guids),))


def take(charges: Sequence[tuple[str, int, int]], spent: Mapping[int, int], at: datetime) -> None:
    """Record charges (click, campaign, cost) and what they take from budgets that this transaction has locked."""
    if charges:
        _CHARGES.run(_INSERT, charges, before=(bind(at),))
    if spent:
        _SPENT.run(_SPEND, sorted(spent.items()))


def totals(day: date) -> list[tuple[UUID, int, int]]:
    """(campaign as AdLoad calls it, clicks, cost) of the charges for clicks of a UTC day."""
    ids = str(_first_id(day)), str(_first_id(day + _DAY))
    rows = fetch(_TOTALS, (bind(day), *ids, bind(day - _DAY), bind(day + _DAY)))
    return [(outside_id(adload_id, guid), int(clicks), int(cost)) for _, adload_id, guid, clicks, cost in rows]


def _first_id(day: date) -> UUID:
    """Below every click id that was made on this day or later: such an id begins with its time in milliseconds."""
    milliseconds = (day - date(1970, 1, 1)).days * 86_400_000
    return UUID(int=milliseconds << 80)


def clicks_of_days(campaign_ids: Iterable[int], days: Iterable[date]) -> dict[tuple[int, str], int]:
    """Recorded clicks by campaign and day, as far as they are being counted."""
    rows = bulk.read(_CLICKS_OF_DAYS, (bulk.among(campaign_ids), bulk.among(days)))
    return {(campaign, str(day)): clicks for campaign, day, clicks in rows}


def start_counting(rows: Sequence[tuple[int, date, datetime, datetime]], first: date, last: date) -> None:
    """Begin to count clicks of (campaign, day, its first and last instant) by looking at what is stored."""
    _COUNTED.run(_COUNT, rows, after=(bind(first), bind(last)))


def add_clicks(counts: Mapping[tuple[int, str], int]) -> None:
    """Add to (or take from) the clicks of campaigns and days that are being counted."""
    _ADDED.run(_ADD, [(campaign, day, clicks) for (campaign, day), clicks in sorted(counts.items())])
