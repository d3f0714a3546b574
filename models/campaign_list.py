"""Campaigns as operators look at them: where each stands, what it shows, what went wrong lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Listed:
    """A campaign; `errors` are its faults since the instant that was asked for."""

    id: int
    title: str
    status: str
    is_social: bool
    offers: int
    errors: int
    held_since: datetime | None
    synced_at: datetime | None
    account: str
    manager: str
    guid: str
    adload_id: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer of a campaign."""

    id: int
    guid: str
    title: str
    active: bool
    click_cost: int
    updated_at: datetime


_CAMPAIGNS = """
select c.id, c.title, c.status, c.is_social,
    (select count(*) from offer where offer.campaign_id = c.id and offer.active), coalesce(e.errors, 0),
    c.held_since, c.synced_at, c.account, c.manager, c.guid, c.adload_id
from campaign c left join (
    select campaign_id, count(*) as errors from click_error where created_at >= %s group by campaign_id
) as e on e.campaign_id = c.id
where (%s or c.status = %s) and (%s or c.id = %s) order by c.id limit %s
"""
_OFFERS = "select id, guid, title, active, click_cost, updated_at from offer where campaign_id = %s order by id"
_ERRORS = """
select code, count(*) from click_error where created_at >= %s and campaign_id = %s group by code order by 2 desc, 1
"""


def listed(errors_since: datetime, *, status: str | None = None, limit: int = 1000) -> list[Listed]:
    """Campaigns by key, of one status only if given."""
    values = (bind(errors_since), status is None, status or "", True, 0, limit)
    return [_campaign(row) for row in fetch(_CAMPAIGNS, values)]


def find(campaign_id: int, errors_since: datetime) -> Listed | None:
    """One campaign."""
    rows = fetch(_CAMPAIGNS, (bind(errors_since), True, "", False, campaign_id, 1))
    return _campaign(rows[0]) if rows else None


def offers(campaign_id: int) -> list[Shown]:
    """The offers of a campaign."""
    return [
        Shown(int(key), str(guid), title, bool(active), int(cost), instant(at))
        for key, guid, title, active, cost, at in fetch(_OFFERS, (campaign_id,))
    ]


def errors_by_code(campaign_id: int, since: datetime) -> dict[str, int]:
    """Faults of a campaign since an instant."""
    return {code: int(count) for code, count in fetch(_ERRORS, (bind(since), campaign_id))}


def _campaign(row: tuple[Any, ...]) -> Listed:
    key, title, status, social, shown, errors, held, synced, account, manager, guid, adload_id = row
    times = (None if held is None else instant(held), None if synced is None else instant(synced))
    return Listed(
        int(key), title, status, bool(social), int(shown), int(errors), *times, account, manager, str(guid), adload_id
    )
