"""Dead letters as a list of work: look at groups and letters, send them again, set them aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from config import catalog
from config.clock import now
from config.ids import new_id
from models import outbox
from models.database import db, execute, fetch
from models.envelope import BadEnvelope, decode, encode_message
from models.fields import bind, instant
from models.runtime import DeadLetter, DeadState

_GROUPS = """
select task, reason, fingerprint, min(error), count(*), min(first_seen_at), max(first_seen_at)
from dead_letter where state = 'dead' {where} group by task, reason, fingerprint order by count(*) desc, task
"""
_SETTLE = "update dead_letter set state = %s, resolved_at = %s where id = %s and state = 'dead'"
# what happened to a message so far; a replay starts with a clean sheet, but its attempt number goes on
_SPENT = ("retries", "traceback", "requeue_timestamp", "eta")
BATCH = 100
# a group comes back as single messages, so that one bad member no longer takes the others with it
_MEMBERS = {"process_clicks": ("clicks", "process_click", "click")}


def groups(task: str | None = None, reason: str | None = None) -> list[dict[str, Any]]:
    """Open letters by task, reason and cause: how many, first and last time."""
    where, values = _filter(task, reason)
    rows = fetch(_GROUPS.format(where=where), values)
    names = ("task", "reason", "fingerprint", "error", "count", "first_seen_at", "last_seen_at")
    return [dict(zip(names, _readable(row), strict=True)) for row in rows]


def describe(dead_letter_id: int) -> dict[str, Any] | None:
    """One letter with the names of its arguments, never their values; None if there is none."""
    letter = DeadLetter.get_or_none(DeadLetter.id == dead_letter_id)
    if letter is None:
        return None
    record = {
        name: getattr(letter, name)
        for name in ("id", "message_id", "attempt", "task", "queue", "reason", "error", "fingerprint", "state")
    }
    times = {"first_seen_at": letter.first_seen_at, "resolved_at": letter.resolved_at}
    return {
        **{name: _text(value) for name, value in (record | times).items()},
        "bytes": len(letter.body),
        "arguments": _argument_names(bytes(letter.body)),
    }


def choose(
    ids: Sequence[int] | None = None, task: str | None = None, reason: str | None = None, limit: int = 1000
) -> list[int]:
    """The ids of open letters that match everything given, the oldest first."""
    query = DeadLetter.select(DeadLetter.id).where(DeadLetter.state == DeadState.DEAD)
    if ids:
        query = query.where(DeadLetter.id.in_(list(ids)))
    if task:
        query = query.where(DeadLetter.task == catalog.find(task).name)
    if reason:
        query = query.where(DeadLetter.reason == reason)
    return [row.id for row in query.order_by(DeadLetter.id).limit(limit)]


def replay(chosen: Sequence[int], *, rate: int = 50) -> int:
    """Send letters again through the outbox, `rate` a second, with their own message ids; how many were still open.

    Letters that cannot be read, or whose task this version does not know, stay.
    """
    done = 0
    for start in range(0, len(chosen), BATCH):
        with db.atomic():
            for letter in DeadLetter.select().where(DeadLetter.id.in_(list(chosen[start : start + BATCH]))):
                done += _replay(letter, timedelta(seconds=done / rate))
    return done


def discard(chosen: Sequence[int]) -> int:
    """Set letters aside; how many were still open."""
    return sum(_settle(letter_id, DeadState.DISCARDED) for letter_id in chosen)


def _replay(letter: Any, wait: timedelta) -> bool:
    again = list(_messages_again(letter))
    if not again or not _settle(letter.id, DeadState.REPLAYED):
        return False
    for message_id, attempt, queue, body in again:
        outbox.put(letter.task, queue, body, message_id, attempt=attempt, available_at=now() + wait)
    return True


def _messages_again(letter: Any) -> Iterator[tuple[UUID, int, str, bytes]]:
    row = catalog.TASKS.get(letter.task)
    message = _decoded(bytes(letter.body))
    if row is None or message is None:
        return
    group, single, member = _MEMBERS.get(letter.task, ("", "", ""))
    if isinstance(message["kwargs"].get(group), list):
        for value in message["kwargs"][group]:
            message_id = new_id()
            yield message_id, 0, row.queue, encode_message(single, {member: value}, message_id=message_id)
        return
    options = {name: value for name, value in message["options"].items() if name not in _SPENT}
    attempt = int(letter.attempt) + 1
    fresh = message | {"queue_name": row.queue, "options": options | {"attempt": attempt}}
    yield letter.message_id, attempt, row.queue, orjson.dumps(fresh)


def _settle(letter_id: int, state: DeadState) -> bool:
    return execute(_SETTLE, (state.value, bind(now()), letter_id)) == 1


def _filter(task: str | None, reason: str | None) -> tuple[str, list[Any]]:
    wanted = {"task": task and catalog.find(task).name, "reason": reason}
    given = {name: value for name, value in wanted.items() if value}
    return "".join(f" and {name} = %s" for name in given), list(given.values())


def _readable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    *start, first, last = row
    return (*start, instant(first).isoformat(), instant(last).isoformat())


def _text(value: Any) -> Any:
    return (
        value.isoformat() if hasattr(value, "isoformat") else value if isinstance(value, int) else value and str(value)
    )


def _argument_names(body: bytes) -> list[str]:
    message = _decoded(body)
    if message is None:
        return []
    return [*(f"#{index}" for index in range(len(message["args"]))), *sorted(message["kwargs"])]


def _decoded(body: bytes) -> dict[str, Any] | None:
    try:
        return decode(body)
    except BadEnvelope:
        return None
