"""What a batch of clicks is decided by, in fixed statements; their number and text do not depend on the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from models import bulk
from models.database import fetch, is_postgres, pg_array
from models.fields import bind

Found = list[tuple[Any, ...]]
NS_CLICKS = 0x5167
"""First key of the advisory locks of clickers; the second is the stripe."""

_LOCK = "select count(pg_advisory_xact_lock(%s, stripe)) from unnest(%s::int[]) as s (stripe)"

_KNOWN = """
select 'click', click_id, state from click where click_day {in:day} and click_id {in:uuid}
union all
select 'rejected', click_id, '' from click_rejected where click_day {in:day} and click_id {in:uuid}
union all
select 'error', click_id, state from click_error where click_day {in:day} and click_id {in:uuid}
"""
_CHARGED = " union all select 'charge', click_id, cast(cost as text) from adload_charge where click_id {in:uuid}"

_OFFERS = """
select o.id, o.guid, o.active, o.click_cost, c.id, c.guid, c.adload_id, c.status, c.is_social, c.disable_filter,
    c.clicks_per_day_limit, c.budget, {price}
from offer o join campaign c on c.id = o.campaign_id where o.id {in:int}
"""

_INFORMERS = """
select i.id, i.guid, i.disable_filter, a.id, a.block_state, a.click_min_seconds, a.advertiser_percent_bp
from informer i join account a on a.id = i.account_id where i.id {in:int}
"""

_PRICES = """
select p.account_id, coalesce(p.informer_id, 0), {us:p.effective_from}, p.id, p.kind, p.fixed_cost, p.percent_bp,
    p.floor_cost, p.cap_cost
from click_price p
where p.account_id in (select account_id from informer where id {in:int})
    and (p.informer_id is null or p.informer_id {in:int})
    and p.effective_from <= %s
    and (p.effective_from > %s or p.effective_from = (
        select max(q.effective_from) from click_price q
        where q.account_id = p.account_id and coalesce(q.informer_id, 0) = coalesce(p.informer_id, 0)
            and q.effective_from <= %s))
order by 1, 2, 3
"""

_SEEN = """
select actor_net, visitor_id, {us:clicked_at}, offer_id, informer_id
from click where actor_net {in:cidr} and state <> 'void' and clicked_at > %s and clicked_at < %s
"""
_SEEN_DAYS = " and click_day >= %s and click_day <= %s"


def lock(stripes: Sequence[int]) -> None:
    """Wait for the turn of these stripes, ascending; the transaction holds them. SQLite has one writer anyway."""
    if is_postgres():
        fetch(_LOCK, (NS_CLICKS, pg_array(stripes)))


def known(days: Iterable[date], ids: Iterable[str], *, charges: bool) -> Found:
    """(store, click id, state) of what is stored under these ids; with `charges` also (charge, click id, cost)."""
    day, members = bulk.among(days), bulk.among(ids)
    if charges:
        return bulk.read(_KNOWN + _CHARGED, (day, members) * 3 + (members,))
    return bulk.read(_KNOWN, (day, members) * 3)


def offers(ids: Iterable[int]) -> Found:
    """Offers with what their campaigns say about charging."""
    price = "c.settings->'price'" if is_postgres() else "json_extract(c.settings, '$.price')"
    return bulk.read(_OFFERS.replace("{price}", price), (bulk.among(ids),))


def informers(ids: Iterable[int]) -> Found:
    """Informers with what their accounts say about earning."""
    return bulk.read(_INFORMERS, (bulk.among(ids),))


def prices(informer_ids: Iterable[int], first: datetime, last: datetime) -> Found:
    """Prices of these informers and their accounts that are in force at some instant of the period, oldest first."""
    members = bulk.among(informer_ids)
    return bulk.read(_PRICES, (members, members, bind(last), bind(first), bind(first)))


def seen(nets: Iterable[str], first: datetime, last: datetime, days: tuple[date, date] | None) -> Found:
    """Clicks of these networks strictly between two instants; without `days` every partition is read."""
    members, period = bulk.among(nets), (bind(first), bind(last))
    if days is None:
        return bulk.read(_SEEN, (members, *period))
    return bulk.read(_SEEN + _SEEN_DAYS, (members, *period, bind(days[0]), bind(days[1])))
