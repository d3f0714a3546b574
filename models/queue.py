"""The embedded queue as rows: messages wait beside the data they follow from and are leased, not taken."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.clock import now
from models.database import execute, fetch, safe_after_commit
from models.fields import bind

NORMAL, BULK = 1, 2

_INSERT = """
insert into queue_message (message_id, queue, body, priority, available_at, dedupe_key)
values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning id
"""
# the key guards what still waits, so it ends with the first delivery
_LEASE = """
update queue_message set lease_by = %s, lease_until = %s, deliveries = deliveries + 1, dedupe_key = null
where id in (select id from queue_message where queue = %s and available_at <= %s
    and (lease_until is null or lease_until < %s) order by priority, id limit %s)
returning id, priority, message_id, body, deliveries
"""
_WAITING = """
select exists (select 1 from queue_message
    where queue = %s and available_at <= %s and (lease_until is null or lease_until < %s))
"""


class Signal:
    """Wakes the consumer of one queue in this process, so that an idle one need not wait for its next poll."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often it was given; read it before looking for messages."""
        return self._count

    def give(self) -> None:
        """There may be something to do."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Return when it was given after it stood at `seen`, or when the time is up."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)


_signals: defaultdict[str, Signal] = defaultdict(Signal)


def signal(queue: str) -> Signal:
    """The signal of this queue."""
    return _signals[queue]


@dataclass(frozen=True, slots=True)
class Leased:
    """A message in the hands of one consumer until its lease ends; `deliveries` counts this one."""

    id: int
    message_id: str
    body: bytes
    deliveries: int


def put(
    queue: str,
    body: bytes,
    message_id: UUID | str,
    *,
    available_at: datetime | None = None,
    dedupe_key: str | None = None,
    bulk: bool = False,
) -> int | None:
    """Add a message in the current transaction; its row id, or None if the same key already waits."""
    values = (str(message_id), queue, body, BULK if bulk else NORMAL, available_at or now(), dedupe_key)
    rows = fetch(_INSERT, [bind(value) for value in values])
    safe_after_commit(signal(queue).give)
    return int(rows[0][0]) if rows else None


def lease(queue: str, holder: str, most: int, until: datetime) -> list[Leased]:
    """Take up to `most` messages that are due and free, urgent and old ones first."""
    at = bind(now())
    if not fetch(_WAITING, (queue, at, at))[0][0]:
        return []  # an idle consumer must not take the write lock five times a second
    rows = fetch(_LEASE, (holder, bind(until), queue, at, at, most))
    urgent_and_old_first = sorted(rows, key=lambda row: (row[1], row[0]))
    return [Leased(row_id, name, bytes(body), count) for row_id, _, name, body, count in urgent_and_old_first]


def renew(ids: Sequence[int], holder: str, until: datetime) -> int:
    """Keep messages for longer; how many are still ours."""
    sql = "update queue_message set lease_until = %s where id in (select value from json_each(%s)) and lease_by = %s"
    return execute(sql, (bind(until), bind(list(ids)), holder))


def remove(row_id: int) -> bool:
    """Forget a message that is done with; False if it was gone already."""
    return execute("delete from queue_message where id = %s", (row_id,)) == 1


def release(ids: Sequence[int]) -> int:
    """Give messages back at once; how many."""
    sql = "update queue_message set lease_by = null, lease_until = null where id in (select value from json_each(%s))"
    return execute(sql, (bind(list(ids)),))


def void_leases() -> int:
    """Free everything: whoever held a lease is gone, because only one process consumes. How many there were."""
    return execute("update queue_message set lease_by = null, lease_until = null where lease_until is not null")


def is_full(limit: int) -> bool:
    """Whether at least `limit` messages are stored; they are counted only when the range of ids allows so many."""
    first, last = fetch("select min(id), max(id) from queue_message")[0]
    if first is None or last - first + 1 < limit:
        return False
    return bool(fetch("select count(*) >= %s from queue_message", (limit,))[0][0])


def count(queue: str) -> int:
    """How many messages this queue holds, leased and delayed ones included."""
    return int(fetch("select count(*) from queue_message where queue = %s", (queue,))[0][0])


def flush(queue: str) -> int:
    """Drop what this queue holds; how many."""
    return execute("delete from queue_message where queue = %s", (queue,))
