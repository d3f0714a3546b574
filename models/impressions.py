"""Impressions as rows: batches that arrive once, counters that only grow, which ad servers have gone quiet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from models import bulk
from models.database import execute, fetch
from models.fields import bind, instant


class Impression(NamedTuple):
    """How often an offer was placed in pages of an informer, and how often it was proven to be seen."""

    informer_id: int
    offer_id: int
    is_social: bool
    requested: int
    seen: int


class BlockView(NamedTuple):
    """How often an informer was loaded, and how often that was confirmed."""

    informer_id: int
    requested: int
    seen: int


class BatchRow(NamedTuple):
    """What is kept of a batch: who sent it, its day, how many rows of each kind, and the digest of its content."""

    batch_id: UUID
    server: str
    day: date
    impressions: int
    block_views: int
    digest: str


_ADD_BATCH = """
insert into impression_batch (batch_id, server, day, impressions, block_views, digest, received_at)
values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning batch_id
"""
_DIGEST = "select digest from impression_batch where batch_id = %s"
_IMPRESSIONS = bulk.Rows("informer_id int, offer_id int, is_social bool, requested int, seen int")
_ADD_IMPRESSIONS = """
insert into impression_daily (day, informer_id, offer_id, is_social, requested, seen)
select %s, v.* from {rows} where true
on conflict (day, informer_id, offer_id, is_social) do update set
    requested = impression_daily.requested + excluded.requested, seen = impression_daily.seen + excluded.seen
"""
_BLOCK_VIEWS = bulk.Rows("informer_id int, requested int, seen int")
_ADD_BLOCK_VIEWS = """
insert into block_view_daily (day, informer_id, requested, seen) select %s, v.* from {rows} where true
on conflict (day, informer_id) do update set
    requested = block_view_daily.requested + excluded.requested, seen = block_view_daily.seen + excluded.seen
"""
_KNOWN = {
    "informer": "select id from informer where id {in:int}",
    "offer": "select id from offer where id {in:int}",
}
_SILENT = """
select server, max(received_at) from impression_batch where received_at >= %s and server not like 'file:%%'
group by server having max(received_at) < %s order by server
"""
_FORGET = """
delete from impression_batch where batch_id in (select batch_id from impression_batch where day < %s limit %s)
"""
_STEP = 5000


def add_batch(batch: BatchRow, at: datetime) -> bool:
    """Note that a batch has arrived; False if it was known."""
    key, server, day, *counts, digest = batch
    return bool(fetch(_ADD_BATCH, (str(key), server, bind(day), *counts, digest, bind(at))))


def digest_of(batch_id: UUID) -> str:
    """The digest under which a known batch came first; raises LookupError for an unknown one."""
    found = fetch(_DIGEST, (str(batch_id),))
    if not found:
        raise LookupError(f"no batch {batch_id}")
    return str(found[0][0])


def add_impressions(day: date, rows: Iterable[Impression]) -> None:
    """Add to the counters of a day; in the order of the keys, so that two batches never wait for each other."""
    if ordered := [tuple(row) for row in sorted(rows)]:
        _IMPRESSIONS.run(_ADD_IMPRESSIONS, ordered, before=(bind(day),))


def add_block_views(day: date, rows: Iterable[BlockView]) -> None:
    """The same for loads of informers."""
    if ordered := [tuple(row) for row in sorted(rows)]:
        _BLOCK_VIEWS.run(_ADD_BLOCK_VIEWS, ordered, before=(bind(day),))


def unknown(kind: str, ids: Iterable[int]) -> list[int]:
    """Which of these ids are of no informer or offer (`kind`), ascending."""
    wanted = set(ids)
    known = {int(row[0]) for row in bulk.read(_KNOWN[kind], (bulk.among(wanted),))}
    return sorted(wanted - known)


def silent(since: datetime, before: datetime) -> Sequence[tuple[str, datetime]]:
    """(server, last batch) of those that sent after `since` and nothing after `before`; files (`file:…`) are none."""
    rows: list[tuple[Any, ...]] = fetch(_SILENT, (bind(since), bind(before)))
    return [(str(server), instant(last)) for server, last in rows]


def forget(before: date) -> int:
    """Delete batches of days before this one, in steps; how many there were."""
    total, gone = 0, _STEP
    while gone == _STEP:
        gone = execute(_FORGET, (bind(before), _STEP))
        total += gone
    return total
