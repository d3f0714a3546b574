"""Messages that follow from a change are rows beside it: put, move, cancel; publishing is the relay's business.

On SQLite the queue is in the same database, so there is no hop: the row is the queued message itself.
"""

from __future__ import annotations

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


def remove(ids: list[int]) -> int:
    """Delete rows whose messages are confirmed; how many were still there (PostgreSQL only)."""
    return execute("delete from outbox where id = any(%s)", (ids,)) if ids else 0
