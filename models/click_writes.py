"""Storing what was decided about a batch of clicks: one statement per table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from models import bulk
from models.database import fetch
from models.fields import bind

Values = Sequence[Any]

_CLICKS = bulk.Rows(
    "click_day day, click_id uuid, clicked_at instant, ip inet, actor_net cidr, visitor_id text, offer_id int, "
    "campaign_id int, informer_id int, account_id int, url text, state text, is_unique bool, is_social bool, "
    "advertiser_cost int, partner_cost int, price_id int, adload_charge_id text, view_ms int, flags int, "
    "day_count int, referer text, user_agent text, payload text"
)
_INSERT_CLICKS = """
insert into click (click_day, click_id, clicked_at, ip, actor_net, visitor_id, offer_id, campaign_id, informer_id,
    account_id, url, state, is_unique, is_social, advertiser_cost, partner_cost, price_id, adload_charge_id, view_ms,
    flags, day_count, referer, user_agent, payload, rules_id, created_at, processed_at, next_attempt_at,
    charge_started_at)
select v.*, %s, {instant}, case when v.state = 'done' then {instant} end,
    case when v.state = 'pending' then {instant} end, case when v.state = 'pending' then {instant} end
from {rows} where true
"""
_REVIVE = """
on conflict (click_day, click_id) do update set
    state = excluded.state, is_unique = excluded.is_unique, is_social = excluded.is_social,
    advertiser_cost = excluded.advertiser_cost, partner_cost = excluded.partner_cost, price_id = excluded.price_id,
    adload_charge_id = excluded.adload_charge_id, flags = excluded.flags, day_count = excluded.day_count,
    rules_id = excluded.rules_id, payload = excluded.payload, processed_at = excluded.processed_at,
    next_attempt_at = excluded.next_attempt_at, charge_started_at = excluded.charge_started_at,
    created_at = excluded.created_at, attempts = 0, last_failure = null
where click.state = 'void'
"""
_INSERT_OR_REVIVE = _INSERT_CLICKS + _REVIVE
_REJECTED = bulk.Rows(
    "click_day day, click_id uuid, clicked_at instant, ip inet, actor_net cidr, visitor_id text, offer_id int, "
    "offer_guid uuid, informer_id int, informer_guid uuid, token text, url text, reason_code text, reason text, "
    "detail json, referer text, user_agent text, view_ms int"
)
_INSERT_REJECTED = """
insert into click_rejected (click_day, click_id, clicked_at, ip, actor_net, visitor_id, offer_id, offer_guid,
    informer_id, informer_guid, token, url, reason_code, reason, detail, referer, user_agent, view_ms)
select v.* from {rows} where true on conflict do nothing
"""

_ERRORS = bulk.Rows(
    "click_day day, click_id uuid, clicked_at instant, campaign_id int, informer_id int, stage text, code text, "
    "message text, payload json, attempts int, state text"
)
_INSERT_ERRORS = """
insert into click_error (click_day, click_id, clicked_at, campaign_id, informer_id, stage, code, message, payload,
    attempts, state, created_at)
select v.*, %s from {rows} where true
on conflict (click_day, click_id) do update set
    campaign_id = excluded.campaign_id, informer_id = excluded.informer_id, stage = excluded.stage,
    code = excluded.code, message = excluded.message, attempts = click_error.attempts + excluded.attempts,
    state = excluded.state, created_at = excluded.created_at, resolved_at = null, resolved_by = null
where click_error.state = 'retry'
"""
_KEYS = bulk.Rows("day day, id uuid")
_SETTLE_ERRORS = """
update click_error set state = 'replayed', resolved_at = {instant}, resolved_by = %s from {rows}
where click_error.click_day = v.day and click_error.click_id = v.id and state = 'retry'
"""

_DAYS = bulk.Rows("day day")
_MARK = """
insert into stats_dirty_day (day, since, marks) select day, %s, 1 from {rows} where true
on conflict (day) do update set marks = stats_dirty_day.marks + 1
"""
_MARK_OPEN = """
insert into stats_dirty_day (day, since, marks) select day, %s, 1 from {rows} where true on conflict do nothing
"""

_RULES = "insert into click_rules (digest, rules, first_used_at) values (%s, %s, %s) on conflict do nothing"


def insert_clicks(
    rows: Sequence[Values],
    at: datetime,
    *,
    rules_id: int,
    next_attempt_at: datetime | None = None,
    charge_started_at: datetime | None = None,
    revive: bool = True,
) -> int:
    """Record clicks; how many were written. With `revive` a void one lives again, and any other row stays as it is.

    Without it every click must be new, which is much cheaper on PostgreSQL.
    """
    moment = bind(at)
    instants = (
        moment,
        moment,
        next_attempt_at and bind(next_attempt_at),
        charge_started_at and bind(charge_started_at),
    )
    return _CLICKS.run(_INSERT_OR_REVIVE if revive else _INSERT_CLICKS, rows, before=(rules_id, *instants))


def insert_rejected(rows: Sequence[Values]) -> None:
    """Record refusals."""
    _REJECTED.run(_INSERT_REJECTED, rows)


def insert_errors(rows: Sequence[Values], at: datetime) -> None:
    """Record faults; a click that is being replayed gets its new fault in place of the old one."""
    _ERRORS.run(_INSERT_ERRORS, rows, before=(bind(at),))


def settle_errors(keys: Sequence[tuple[date, str]], at: datetime, by: str) -> int:
    """Mark faults as replayed whose clicks are decided now; how many there were."""
    return _KEYS.run(_SETTLE_ERRORS, keys, before=(bind(at), by))


def mark_days(days: Iterable[date], today: date, at: datetime) -> None:
    """Ask for the statistics of these days again.

    Today is computed again anyway, so its row is only made, not counted up: batches must not wait for each other.
    """
    earlier = sorted({day for day in days if day < today})
    current = sorted({day for day in days if day >= today})
    if earlier:
        _DAYS.run(_MARK, [(day,) for day in earlier], before=(bind(at),))
    if current:
        _DAYS.run(_MARK_OPEN, [(day,) for day in current], before=(bind(at),))


def rules_id(digest: str, rules: dict[str, Any], at: datetime) -> int:
    """The id of this set of limits, stored when it is new."""
    found = fetch("select id from click_rules where digest = %s", (digest,))
    if not found:
        bulk.run(_RULES, (digest, bind(rules), bind(at)))
        found = fetch("select id from click_rules where digest = %s", (digest,))
    return int(found[0][0])
