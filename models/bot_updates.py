"""What came from the chat, each update once; which process listens to it; which day's digest is out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.database import execute, fetch
from models.fields import bind, instant
from models.pipelines import moment

KEPT = timedelta(days=14)
"""Telegram may count from another number after a quiet week, so a number is not unique for ever."""
LISTENER = "telegram_listener"
_TAKE = "insert into telegram_update (update_id, received_at) values (%s, %s) on conflict do nothing"
_FORGET = "delete from telegram_update where received_at < %s"
_HOLD = """
insert into task_lease (task, holder, expires_at) values (%s, %s, %s)
on conflict (task) do update set holder = excluded.holder, expires_at = excluded.expires_at
where task_lease.expires_at <= %s or task_lease.holder = excluded.holder
"""
_LEAVE = "delete from task_lease where task = %s and holder = %s"
_CLAIM_DAY = """
insert into telegram_digest (day, claimed_until) values (%s, %s)
on conflict (day) do update set claimed_until = excluded.claimed_until
where telegram_digest.sent_at is null and telegram_digest.claimed_until <= %s
"""
_DAY = "select claimed_until, begun_at, sent_at from telegram_digest where day = %s"
_DAY_BEGUN = "update telegram_digest set begun_at = coalesce(begun_at, %s) where day = %s"
_FREE_DAY = "update telegram_digest set claimed_until = %s, begun_at = %s where day = %s and sent_at is null"
_DAY_SENT = "update telegram_digest set sent_at = %s where day = %s"


@dataclass(frozen=True, slots=True)
class Day:
    """The digest of a day: who sends it does so until then; one that was begun and not sent may have come."""

    claimed_until: datetime
    begun_at: datetime | None
    sent: bool


def take(update_id: int, at: datetime) -> bool:
    """Note an update, in the transaction of what it does; False if it was noted before."""
    execute(_FORGET, (bind(at - KEPT),))
    return execute(_TAKE, (update_id, bind(at))) == 1


def listen(holder: str, at: datetime, until: datetime) -> bool:
    """Take or keep the right to listen; False while another process has it."""
    return execute(_HOLD, (LISTENER, holder, bind(until), bind(at))) == 1


def leave(holder: str) -> None:
    """Let another process listen."""
    execute(_LEAVE, (LISTENER, holder))


def listener(at: datetime) -> str | None:
    """Who listens now."""
    rows = fetch("select holder from task_lease where task = %s and expires_at > %s", (LISTENER, bind(at)))
    return str(rows[0][0]) if rows else None


def claim_day(day: str, at: datetime, until: datetime) -> bool:
    """Take the right to send the digest of a day; False if it is out, or another run has the right."""
    return execute(_CLAIM_DAY, (day, bind(until), bind(at))) == 1


def day(name: str) -> Day:
    """How far the digest of a day is that was claimed once."""
    until, begun, sent = fetch(_DAY, (name,))[0]
    return Day(instant(until), None if begun is None else instant(begun), sent is not None)


def day_begun(name: str, at: datetime) -> None:
    """The digest of a day is about to be sent."""
    execute(_DAY_BEGUN, (bind(at), name))


def free_day(name: str, at: datetime, begun_at: datetime | None) -> None:
    """Give that right back; nothing was sent but what had been begun before."""
    execute(_FREE_DAY, (bind(at), moment(begun_at), name))


def day_sent(day: str, at: datetime) -> None:
    """The digest of a day is out, or was given up."""
    execute(_DAY_SENT, (bind(at), day))
