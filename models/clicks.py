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

# "offset 0" makes PostgreSQL look each click up by its key; left alone it reads the whole day of a new partition,
# about which it has no statistics yet
_KEYS = bulk.Rows("day day, id uuid")
_KNOWN_POSTGRES = """
select known.* from {rows} cross join lateral (
    select 'click', click_id, state from click
    where click_day = v.day and click_id = v.id and click_day >= %s and click_day <= %s
    union all
    select 'rejected', click_id, '' from click_rejected
    where click_day = v.day and click_id = v.id and click_day >= %s and click_day <= %s
    union all
    select 'error', click_id, state from click_error
    where click_day = v.day and click_id = v.id and click_day >= %s and click_day <= %s
    {charges} offset 0
) as known
"""
_KNOWN_SQLITE = """
select 'click', click_id, state from {rows} join click on click_day = v.day and click_id = v.id
union all
select 'rejected', click_id, '' from click_rejected where click_id {in:uuid} and click_day {in:day}
union all
select 'error', click_id, state from click_error where click_id {in:uuid} and click_day {in:day}
{charges}
"""
_CHARGES_POSTGRES = "union all select 'charge', click_id, cast(cost as text) from adload_charge where click_id = v.id"
_CHARGES_SQLITE = "union all select 'charge', click_id, cast(cost as text) from adload_charge where click_id {in:uuid}"
_KNOWN = {
    (True, True): _KNOWN_POSTGRES.replace("{charges}", _CHARGES_POSTGRES),
    (True, False): _KNOWN_POSTGRES.replace("{charges}", ""),
    (False, True): _KNOWN_SQLITE.replace("{charges}", _CHARGES_SQLITE),
    (False, False): _KNOWN_SQLITE.replace("{charges}", ""),
}

_OFFERS = """
select o.id, cast(o.guid as text), o.active, o.click_cost, c.id, cast(c.guid as text), c.adload_id, c.status,
    c.is_social, c.disable_filter, c.clicks_per_day_limit, c.budget, {price}
from offer o join campaign c on c.id = o.campaign_id where o.id {in:int}
"""

_INFORMERS = """
select i.id, cast(i.guid as text), i.disable_filter, a.id, a.block_state, a.click_min_seconds, a.advertiser_percent_bp
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

_NETS = bulk.Rows("net cidr")
_SEEN_POSTGRES = """
select seen.* from {rows} cross join lateral (
    select actor_net, visitor_id, {us:clicked_at}, offer_id, informer_id from click
    where actor_net = v.net and clicked_at > %s and clicked_at < %s and state <> 'void' {days} offset 0
) as seen
"""
_SEEN_SQLITE = """
select actor_net, visitor_id, {us:clicked_at}, offer_id, informer_id
from {rows} join click on actor_net = v.net and clicked_at > %s and clicked_at < %s and state <> 'void' {days}
"""
_SEEN_DAYS = "and click_day >= %s and click_day <= %s"
_SEEN = {
    (True, True): _SEEN_POSTGRES.replace("{days}", _SEEN_DAYS),
    (True, False): _SEEN_POSTGRES.replace("{days}", ""),
    (False, True): _SEEN_SQLITE.replace("{days}", _SEEN_DAYS),
    (False, False): _SEEN_SQLITE.replace("{days}", ""),
}


_DECIDED = """
select click_id from click where click_id {in:uuid} and state <> 'void'
union select click_id from click_rejected where click_id {in:uuid}
union select click_id from click_error where click_id {in:uuid} and state <> 'retry'
"""


def lock(stripes: Sequence[int]) -> None:
    """Wait for the turn of these stripes, ascending; the transaction holds them. SQLite has one writer anyway."""
    if is_postgres():
        fetch(_LOCK, (NS_CLICKS, pg_array(stripes)))


def known(keys: Sequence[tuple[date, str]], *, charges: bool) -> Found:
    """(store, click id, state) of what is stored under (day, id); with `charges` also (charge, click id, cost)."""
    days, ids = {day for day, _ in keys}, [click_id for _, click_id in keys]
    if is_postgres():
        return _KEYS.fetch(_KNOWN[True, charges], keys, after=(min(days), max(days)) * 3)
    members, of_days = bulk.among(ids), bulk.among(days)
    after = (members, of_days, members, of_days, *([members] if charges else []))
    return _KEYS.fetch(_KNOWN[False, charges], keys, after=after)


def decided(ids: Iterable[str]) -> set[str]:
    """Those of the clicks that have ended or are being charged, on whatever day; reads every partition's key."""
    members = bulk.among(ids)
    return {str(click_id) for (click_id,) in bulk.read(_DECIDED, (members, members, members))}


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
    period = (bind(first), bind(last), *(bind(day) for day in days or ()))
    return _NETS.fetch(_SEEN[is_postgres(), days is not None], [(net,) for net in sorted(nets)], after=period)
