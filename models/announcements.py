"""What operators were told of an incident: who is telling it now, which message it has, when it is repeated."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from models import bulk
from models.database import execute, fetch, is_postgres
from models.fields import bind

LONGEST_DOUBT = timedelta(hours=1)
_FREE = """
select id, asked, heard from alert where id {in:int} and (asked_until is null or asked_until <= {instant}) order by id
"""
_TICKETS = bulk.Rows("id int, asked int, until instant")
_ASK = "update alert set asked = v.asked, asked_until = v.until from {rows} where alert.id = v.id"
_WAIT = "update alert set asked_until = %s where id = %s and asked = %s"
# whoever tells has heard of everything that was asked until now
_CLAIM = """
update alert set claimed_until = %s, heard = asked, asked_until = null
where id = %s and (claimed_until is null or claimed_until <= %s)
"""
_HEARD = "update alert set heard = asked, asked_until = null where id = %s and asked = %s"
_RELEASE = "update alert set claimed_until = null where id = %s"
_TOLD = """
update alert set chat_id = %s, message_id = %s, message_text = %s, announced_at = coalesce(announced_at, %s),
    repeat_at = case when severity = 'critical' and acked_at is null and resolved_at is null then %s end,
    closing_told_at = %s
where id = %s
"""
_EDITED = "update alert set message_text = %s where id = %s"
_READ = "update alert set told_version = %s where id = %s and told_version < %s"
_REPEATED = """
update alert set repeats = repeats + 1, repeat_at = case when acked_at is null and resolved_at is null then %s end
where id = %s
"""
_CLOSED = "update alert set closing_told_at = %s where id = %s"
_FORGET = """
update alert set chat_id = null, message_id = null, message_text = null, announced_at = null where id = %s
"""
_DUE = """
select id from alert where group_id is null and (
    (told_version < version and severity <> 'info' and last_seen_at < %s)
    or (repeat_at <= %s and acked_at is null and resolved_at is null))
order by case severity when 'critical' then 1 else 2 end, id limit %s
"""
_MOVED = "select moved_to from telegram_chat where id = %s"
_MOVE = """
insert into telegram_chat (id, moved_to, moved_at) values (%s, %s, %s)
on conflict (id) do update set moved_to = excluded.moved_to, moved_at = excluded.moved_at
"""


def ask(ids: Iterable[int], at: datetime, patience: timedelta) -> list[tuple[int, int]]:
    """Tickets for messages about these incidents, (id, ticket), in the caller's transaction; none while one waits.

    A message that nobody heard of for as long as `patience` is lost, and one in its place waits twice as long.
    """
    found = bulk.read(_FREE + (" for no key update" if is_postgres() else ""), (bulk.among(ids), bind(at)))
    rows = [
        (alert_id, asked + 1, at + min(patience * 2 ** min(asked - heard, 10), LONGEST_DOUBT))
        for alert_id, asked, heard in found
    ]
    if rows:
        _TICKETS.run(_ASK, rows)
    return [(int(alert_id), int(ticket)) for alert_id, ticket, _ in rows]


def hear(alert_id: int, ticket: int) -> bool:
    """The message with this ticket has come; False if it is a copy, because there is a newer one."""
    return execute(_HEARD, (alert_id, ticket)) == 1


def wait(alert_id: int, ticket: int, until: datetime) -> bool:
    """Note that the message with this ticket comes again by then; False if another one waits in its place."""
    return execute(_WAIT, (bind(until), alert_id, ticket)) == 1


def claim(alert_id: int, at: datetime, until: datetime) -> bool:
    """Take the right to tell of an incident; False while another run has it."""
    return execute(_CLAIM, (bind(until), alert_id, bind(at))) == 1


def release(alert_id: int) -> None:
    """Give the right back."""
    execute(_RELEASE, (alert_id,))


def told(
    alert_id: int, message: tuple[int, int] | None, text: str, at: datetime, again: datetime, *, over: bool
) -> None:
    """The message (chat and id) is out, or was given up; a critical one is repeated at `again`, `over` says the end."""
    chat_id, message_id = message or (None, None)
    closing_at = bind(at) if over else None
    execute(_TOLD, (chat_id, message_id, text, bind(at), bind(again), closing_at, alert_id))


def edited(alert_id: int, text: str) -> None:
    """The message now reads so."""
    execute(_EDITED, (text, alert_id))


def up_to_date(alert_id: int, version: int) -> None:
    """Everything up to this version of the incident has been told."""
    execute(_READ, (version, alert_id, version))


def repeated(alert_id: int, again: datetime) -> None:
    """A repetition is out; the next is due at `again`."""
    execute(_REPEATED, (bind(again), alert_id))


def closed(alert_id: int, at: datetime) -> None:
    """The reply that it is over is out."""
    execute(_CLOSED, (bind(at), alert_id))


def forget_message(alert_id: int) -> None:
    """Its message is gone; the next telling makes a new one."""
    execute(_FORGET, (alert_id,))


def due(at: datetime, changed_before: datetime, most: int) -> list[int]:
    """Incidents whose repetition is due, or whose news should have been told by now; critical ones first."""
    return [int(row_id) for (row_id,) in fetch(_DUE, (bind(changed_before), bind(at), most))]


def current_chat(chat_id: int) -> int:
    """Where a chat is now: groups get another id when they grow."""
    rows = fetch(_MOVED, (chat_id,))
    return int(rows[0][0]) if rows else chat_id


def move_chat(chat_id: int, moved_to: int, at: datetime) -> None:
    """A chat has another id from now on."""
    execute(_MOVE, (chat_id, moved_to, bind(at)))
