"""Clicks that wait for AdLoad: claiming them for an attempt, and recording how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from models import bulk
from models.database import db, fetch, is_postgres
from models.fields import bind

Found = list[tuple[Any, ...]]
Values = Sequence[Any]

_DUE = """
select click_day, click_id, charge_started_at is not null from click
where state = 'pending' and next_attempt_at <= %s order by next_attempt_at limit %s
"""
_KEYS = bulk.Rows("day day, id uuid")
_NAMED = """
select click.click_day, click.click_id, charge_started_at is not null
from {rows} join click on click.click_day = v.day and click.click_id = v.id
where state = 'pending' and (%s or next_attempt_at <= %s)
"""
_SKIP_TAKEN = " for update of click skip locked"
_CLAIM = """
update click set next_attempt_at = {instant} from {rows}
where state = 'pending' and click.click_day = v.day and click.click_id = v.id
"""
_CLAIM_AND_START = """
update click set next_attempt_at = {instant}, charge_started_at = {instant} from {rows}
where state = 'pending' and click.click_day = v.day and click.click_id = v.id
"""
_LOAD = """
select k.click_day, k.click_id, k.clicked_at, k.ip, k.is_social, k.attempts, k.created_at, k.payload,
    o.guid, c.id, c.guid, c.adload_id, {price}, i.id, i.guid, a.advertiser_percent_bp,
    p.id, p.kind, p.fixed_cost, p.percent_bp, p.floor_cost, p.cap_cost
from {rows} join click k on k.click_day = v.day and k.click_id = v.id
    join offer o on o.id = k.offer_id join campaign c on c.id = k.campaign_id
    join informer i on i.id = k.informer_id join account a on a.id = k.account_id
    left join click_price p on p.id = k.price_id
where k.state = 'pending'
"""

_RESULTS = bulk.Rows(
    "click_day day, click_id uuid, state text, advertiser_cost int, partner_cost int, charge_id text, "
    "failures int, next_attempt_at instant, last_failure text, started bool"
)
_FINISH = """
update click set state = v.state, advertiser_cost = v.advertiser_cost, partner_cost = v.partner_cost,
    adload_charge_id = v.charge_id, attempts = click.attempts + v.failures, next_attempt_at = v.next_attempt_at,
    last_failure = v.last_failure, processed_at = case when v.state = 'pending' then null else {instant} end,
    charge_started_at = case when v.started then click.charge_started_at end,
    payload = case when v.state = 'pending' then click.payload end
from {rows}
where click.click_day = v.click_day and click.click_id = v.click_id and click.state = 'pending'
returning click.click_id
"""


def claim_due(now: datetime, until: datetime, limit: int, *, start: bool) -> Found:
    """Move due clicks to `until`, so that nobody else takes them; (day, id, a charge had been started) of each.

    `start` also notes that a charge begins now.
    """
    with db.atomic():
        found = bulk.read(_DUE + _locking(), (bind(now), limit))
        return _claim(found, now, until, start)


def claim_named(keys: Sequence[tuple[date, str]], now: datetime, until: datetime, *, start: bool, early: bool) -> Found:
    """The same for certain clicks; with `early` also those that are not due yet."""
    with db.atomic():
        found = _KEYS.fetch(_NAMED + _locking(), keys, after=(early, bind(now)))
        return _claim(found, now, until, start)


def _locking() -> str:
    return _SKIP_TAKEN if is_postgres() else ""


def _claim(found: Found, now: datetime, until: datetime, start: bool) -> Found:
    keys = [row[:2] for row in found]
    if keys and start:
        _KEYS.run(_CLAIM_AND_START, keys, before=(bind(until), bind(now)))
    elif keys:
        _KEYS.run(_CLAIM, keys, before=(bind(until),))
    return found


def load(keys: Sequence[Values]) -> Found:
    """Everything that an attempt needs to know of pending clicks."""
    price = "c.settings->'price'" if is_postgres() else "json_extract(c.settings, '$.price')"
    return _KEYS.fetch(_LOAD.replace("{price}", price), keys)


def finish(rows: Sequence[Values], now: datetime) -> set[str]:
    """Record how attempts ended, only of clicks that still wait; the ids that were changed."""
    return {str(click_id) for (click_id,) in _RESULTS.fetch(_FINISH, rows, before=(bind(now),))}


def overdue(now: datetime) -> tuple[int, datetime | str | None]:
    """How many clicks wait for AdLoad, and since when the oldest."""
    rows = fetch(
        "select count(*), min(created_at) from click where state = 'pending' and created_at <= %s", (bind(now),)
    )
    return int(rows[0][0]), rows[0][1]
