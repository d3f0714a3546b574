"""The list of refused networks: who is on it, putting on, counting hits, taking off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models import bulk
from models.database import execute, fetch, is_postgres
from models.fields import bind

Found = list[tuple[Any, ...]]
Values = Sequence[Any]

_ADDRESSES = bulk.Rows("place int, ip inet")
_CANDIDATES = bulk.Rows("place int, net cidr")
_BANS = bulk.Rows("net cidr, visitor_id text, reason_code text, hits int")
_HITS = bulk.Rows("id int, hits int")

_HOLDING = """
select v.place, b.id, b.net, b.visitor_id, b.source, b.reason_code, b.first_listed_at
from {rows} join ip_blacklist b on b.net >>= v.ip
where b.expires_at is null or b.expires_at > %s
"""
_EQUAL = """
select v.place, b.id, b.net, b.visitor_id, b.source, b.reason_code, b.first_listed_at
from {rows} join ip_blacklist b on b.net = v.net
where b.expires_at is null or b.expires_at > %s
"""
_LENGTHS = "select distinct cast(substr(net, instr(net, '/') + 1) as integer) from ip_blacklist"

_BAN = """
insert into ip_blacklist (net, visitor_id, reason_code, source, first_listed_at, last_violation_at, hits)
select net, visitor_id, reason_code, 'auto', {instant}, {instant}, hits from {rows} where true
on conflict (net, visitor_id) do update set
    reason_code = excluded.reason_code, source = excluded.source, expires_at = null,
    last_violation_at = excluded.last_violation_at, hits = ip_blacklist.hits + excluded.hits
where ip_blacklist.source = 'auto' or ip_blacklist.expires_at <= excluded.last_violation_at
"""
_LOCK_IN_ORDER = "select id from ip_blacklist where id {in:int} order by id for update"
_HIT = "update ip_blacklist set hits = ip_blacklist.hits + v.hits from {rows} where ip_blacklist.id = v.id"
_HIT_AND_RENEW = """
update ip_blacklist set hits = ip_blacklist.hits + v.hits, last_violation_at = {instant} from {rows}
where ip_blacklist.id = v.id
"""

_EXPIRE = """
delete from ip_blacklist where id in (
    select id from ip_blacklist
    where (source = 'auto' and last_violation_at <= %s) or expires_at <= %s
    order by id limit %s)
"""
_PUT = """
insert into ip_blacklist
    (net, visitor_id, reason_code, source, first_listed_at, last_violation_at, hits, expires_at, note, created_by)
values (%s, %s, 'manual', 'manual', %s, %s, 0, %s, %s, %s)
on conflict (net, visitor_id) do update set
    source = 'manual', last_violation_at = excluded.last_violation_at, expires_at = excluded.expires_at,
    note = excluded.note, created_by = excluded.created_by
"""
_TAKE = """
delete from ip_blacklist where net = %s and visitor_id = %s
returning net, visitor_id, reason_code, source, first_listed_at, last_violation_at, hits, expires_at, note, created_by
"""
_PAGE = """
select net, visitor_id, reason_code, source, first_listed_at, last_violation_at, hits, expires_at, note, created_by
from ip_blacklist where (%s or net = %s) order by last_violation_at desc, id limit %s
"""


def holding(ips: Sequence[str], at: datetime) -> Found:
    """Entries that contain one of the addresses, PostgreSQL: (place in the list, entry's columns…)."""
    return _ADDRESSES.fetch(_HOLDING, list(enumerate(ips)), after=(at,))


def equal_to(candidates: Sequence[tuple[int, str]], at: datetime) -> Found:
    """The same by equal text, SQLite: every network that could contain an address is a candidate of its place."""
    return _CANDIDATES.fetch(_EQUAL, candidates, after=(bind(at),))


def prefix_lengths() -> list[int]:
    """Prefix lengths of the entries there are."""
    return [length for (length,) in fetch(_LENGTHS)]


def ban(entries: Sequence[Values], at: datetime) -> None:
    """Put networks on the list, (net, visitor or '', reason, hits) each, sorted; one that is there has violated again.

    An entry by hand stays as it is unless it has run out.
    """
    _BANS.run(_BAN, entries, before=(bind(at), bind(at)))


def hit(counts: Mapping[int, int], at: datetime, *, renew: bool) -> None:
    """Count refused clicks of entries; `renew` makes them violations that start the four weeks again."""
    rows = sorted(counts.items())
    if is_postgres():
        # entries of wide networks are shared by clickers of different stripes; a fixed order keeps batches apart
        bulk.read(_LOCK_IN_ORDER, (bulk.among(counts),))
    if renew:
        _HITS.run(_HIT_AND_RENEW, rows, before=(bind(at),))
    else:
        _HITS.run(_HIT, rows)


def expire(before: datetime, at: datetime, limit: int) -> int:
    """Delete up to `limit` automatic entries last violated by `before`, and entries that have run out."""
    return execute(_EXPIRE, (bind(before), bind(at), limit))


def put(net: str, visitor_id: str, at: datetime, expires_at: datetime | None, note: str, by: str) -> None:
    """List a network by hand; an automatic entry of the same network becomes a manual one."""
    execute(_PUT, (net, visitor_id, bind(at), bind(at), expires_at and bind(expires_at), note, by))


def take(net: str, visitor_id: str) -> tuple[Any, ...] | None:
    """Remove an entry; what it was, None if there was none."""
    rows = fetch(_TAKE, (net, visitor_id))
    return rows[0] if rows else None


def entries(net: str | None, limit: int) -> Found:
    """Entries, the last violated first; of one network only if given."""
    return fetch(_PAGE, (net is None, net or "0.0.0.0/0", limit))
