"""Messages that follow from a change are rows beside it: put, move, cancel; publishing is the relay's business.

On SQLite the queue is in the same database, so there is no hop: the row is the queued message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.clock import now
from models import queue as embedded
from models.database import execute, fetch, is_postgres
from models.fields import bind

_INSERT = """
insert into outbox (message_id, attempt, task, queue, body, available_at, dedupe_key, fair_key, created_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning id
"""
_TAKE = """
select id, queue, body from outbox where available_at <= now() and fair_key is null
order by available_at, id limit %s for update skip locked
"""
# walks the index from key to key, so that a service with a million rows costs as much as one with ten
_FAIR_KEYS = """
with recursive found as (
    (select fair_key from outbox where fair_key > %s order by fair_key limit 1)
    union all
    select (select fair_key from outbox where fair_key > found.fair_key order by fair_key limit 1)
    from found where found.fair_key is not null)
select fair_key from found where fair_key is not null limit %s
"""
_TAKE_FAIR = """
select waiting.id, waiting.queue, waiting.body from unnest(%s) with ordinality as turn (fair_key, place)
cross join lateral (select id, queue, body from outbox
    where fair_key = turn.fair_key and available_at <= now() and queue <> all (%s)
    order by available_at, id limit %s for update skip locked) as waiting
order by turn.place
"""
_POSTPONE = """
update outbox set tries = tries + 1, available_at = now() + least(power(2, tries), 30) * interval '1 second'
where id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is due, its row locked by the relay that took it."""

    id: int
    queue: str
    body: bytes


def put(
    task: str,
    queue: str,
    body: bytes,
    message_id: UUID,
    *,
    attempt: int = 0,
    available_at: datetime | None = None,
    dedupe_key: str | None = None,
    fair_key: str | None = None,
) -> int | None:
    """Store a message in the current transaction; its row id, or None if the same message or key already waits."""
    if not is_postgres():
        bulk = fair_key is not None
        return embedded.put(queue, body, message_id, available_at=available_at, dedupe_key=dedupe_key, bulk=bulk)
    at = now()
    values = (message_id, attempt, task, queue, body, available_at or at, dedupe_key, fair_key, at)
    rows = fetch(_INSERT, [bind(value) for value in values])
    return int(rows[0][0]) if rows else None


def cancel(dedupe_key: str) -> bool:
    """Take back a message that still waits under this key; False if it is gone already."""
    if is_postgres():
        return execute("delete from outbox where dedupe_key = %s", (dedupe_key,)) == 1
    return execute("delete from queue_message where dedupe_key = %s", (dedupe_key,)) == 1


def move(dedupe_key: str, available_at: datetime) -> bool:
    """Give a waiting message another due time; False if it is gone already."""
    values = (bind(available_at), dedupe_key)
    if is_postgres():
        return execute("update outbox set available_at = %s where dedupe_key = %s", values) == 1
    return execute("update queue_message set available_at = %s where dedupe_key = %s", values) == 1


def remove(ids: Sequence[int]) -> int:
    """Delete rows whose messages are confirmed; how many were still there (PostgreSQL only, as all below)."""
    return execute("delete from outbox where id = any(%s)", (list(ids),)) if ids else 0


def take(most: int) -> list[Waiting]:
    """Lock messages that are due, the oldest first; those that another relay has are passed over."""
    return [Waiting(row_id, queue, bytes(body)) for row_id, queue, body in fetch(_TAKE, (most,))]


def fair_keys(after: str, most: int) -> list[str]:
    """Keys of bulk messages in order, those later than `after` first."""
    return [key for (key,) in fetch(_FAIR_KEYS, (after, most))]


def take_fair(keys: Sequence[str], full: Sequence[str], most_each: int) -> list[Waiting]:
    """Lock bulk messages that are due, at most so many of each key, none for a queue that is full."""
    rows = fetch(_TAKE_FAIR, (list(keys), list(full), most_each))
    return [Waiting(row_id, queue, bytes(body)) for row_id, queue, body in rows]


def postpone(ids: Sequence[int]) -> int:
    """Try these again later: after 1, 2, 4 … 30 seconds; how many."""
    return execute(_POSTPONE, (list(ids),)) if ids else 0


def backlog() -> tuple[int, float]:
    """How many messages are due, and for how many seconds the oldest has been."""
    count, age = fetch(
        "select count(*), coalesce(extract(epoch from now() - min(available_at)), 0) from outbox "
        "where available_at <= now()"
    )[0]
    return int(count), float(age)
