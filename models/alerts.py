"""Incidents as rows: one open row per kind and key, raised, settled and acknowledged by conditional updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from models.bulk import Rows, among, read, run
from models.database import execute, fetch, is_postgres, pg_text_array
from models.fields import bind, instant_text

STORM = "storm"
REOPENS_WITHIN = timedelta(minutes=30)
STORM_WINDOW = timedelta(seconds=60)


class Severity(StrEnum):
    """How loudly operators are told: at once and again, silently, or only in the digest."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class News:
    """What is to be raised; the payload holds what the message says, in plain values."""

    kind: str
    key: str
    severity: Severity
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Raised:
    """The row that now stands for some news; `fresh` if nothing like it was open."""

    id: int
    fresh: bool
    severity: Severity
    group_id: int | None


_NEWS = Rows("kind text, dedupe_key text, severity text, payload json, at instant")
_REOPEN = """
update alert set resolved_at = null, closing_told_at = null, acked_by = null, acked_at = null, count = alert.count + 1,
    repeats = 0, repeat_at = case when v.severity = 'critical' then {instant} end, version = alert.version + 1,
    last_seen_at = v.at, payload = v.payload, severity = v.severity
from {rows}
where alert.id = (select max(a.id) from alert a where a.kind = v.kind and a.dedupe_key = v.dedupe_key)
    and alert.resolved_at >= %s
returning alert.id, alert.kind, alert.dedupe_key, alert.severity, alert.group_id
"""
_LOUDER = """(case excluded.severity when 'critical' then 3 when 'warning' then 2 else 1 end
    > case alert.severity when 'critical' then 3 when 'warning' then 2 else 1 end)"""
_RAISE = """
insert into alert (kind, dedupe_key, severity, first_seen_at, last_seen_at, payload)
select v.kind, v.dedupe_key, v.severity, v.at, v.at, v.payload from {rows} where true
on conflict (kind, dedupe_key) where resolved_at is null do update set
    count = alert.count + 1, version = alert.version + 1, last_seen_at = excluded.last_seen_at,
    payload = excluded.payload,
    severity = case when {louder} then excluded.severity else alert.severity end,
    acked_by = case when {louder} then null else alert.acked_by end,
    acked_at = case when {louder} then null else alert.acked_at end,
    repeats = case when {louder} then 0 else alert.repeats end,
    repeat_at = case when {louder} and excluded.severity = 'critical' then excluded.last_seen_at
        else alert.repeat_at end
returning alert.id, alert.count, alert.severity, alert.group_id
""".replace("{louder}", _LOUDER)
_RECENT = "select count(*) from alert where first_seen_at > %s and kind <> 'storm' and severity <> 'info'"
_STORM = """
select dedupe_key from alert where kind = 'storm' and resolved_at is null and last_seen_at > %s order by id desc limit 1
"""
_JOIN = (
    "update alert set group_id = %s where id {in:int} and message_id is null and group_id is null and kind <> 'storm'"
)
_BACKLOG = """
select id, severity from alert where message_id is null and announced_at is null and group_id is null
    and resolved_at is null and severity <> 'info' and kind <> 'storm' and first_seen_at < %s
"""
_TOUCH = "update alert set version = version + 1 where id {in:int}"
_STIR = """
update alert set resolved_at = null, closing_told_at = null, acked_by = null, acked_at = null, version = version + 1
where id {in:int} and resolved_at is not null and not exists (select 1 from alert o
    where o.kind = alert.kind and o.dedupe_key = alert.dedupe_key and o.resolved_at is null)
"""
_RESOLVE = """
update alert set resolved_at = %s, repeat_at = null, version = version + 1
where kind = %s and dedupe_key {in:text} and resolved_at is null returning id, group_id
"""
_SETTLE = """
update alert set resolved_at = %s, repeat_at = null, version = version + 1
where kind = %s and not dedupe_key {in:text} and resolved_at is null returning id, group_id
"""
_CALM = """
update alert set resolved_at = %s, repeat_at = null
where id {in:int} and kind = 'storm' and resolved_at is null
    and not exists (select 1 from alert m where m.group_id = alert.id and m.resolved_at is null)
"""
_ACKNOWLEDGE = """
update alert set acked_by = %s, acked_at = %s, repeat_at = null, version = version + 1
where (id = %s or group_id = %s) and resolved_at is null and acked_at is null
"""
_NOTE_POSTGRES = """
update alert set notes = alert.notes || to_jsonb(%s::text), version = version + 1 where id = %s
"""
_NOTE_SQLITE = "update alert set notes = json_insert(notes, '$[#]', %s), version = version + 1 where id = %s"


def raise_all(news: Sequence[News], at: datetime) -> list[Raised]:
    """Note each piece of news in its open row, in one closed lately, or in a new one; call it in a transaction."""
    rows = [(one.kind, one.key, one.severity.value, orjson.dumps(one.payload).decode(), at) for one in news]
    again = _NEWS.fetch(_REOPEN, rows, before=(bind(at),), after=(bind(at - REOPENS_WITHIN),))
    known = {(kind, key) for _, kind, key, _, _ in again}
    found = [Raised(row_id, False, Severity(severity), group) for row_id, _, _, severity, group in again]
    if rest := [row for row in rows if row[:2] not in known]:
        raised = _NEWS.fetch(_RAISE, rest)
        found += [Raised(row_id, count == 1, Severity(severity), group) for row_id, count, severity, group in raised]
    return found


def fresh_since(at: datetime) -> int:
    """How many incidents that are told one by one began after an instant."""
    return int(fetch(_RECENT, (bind(at),))[0][0])


def storm_key(at: datetime) -> str:
    """The key of the storm that goes on, or of one that begins now; processes that meet one find the same."""
    rows = fetch(_STORM, (bind(at - STORM_WINDOW),))
    return str(rows[0][0]) if rows else instant_text(at)[:16]


def join(storm: int, ids: Sequence[int]) -> int:
    """Let a storm speak for incidents that have no message of their own; how many."""
    return run(_JOIN, (storm, among(ids)))


def backlog(before: datetime) -> list[tuple[int, Severity]]:
    """Open incidents that should have been told by now and were not."""
    return [(row_id, Severity(severity)) for row_id, severity in fetch(_BACKLOG, (bind(before),))]


def touch(storms: Sequence[int]) -> None:
    """Storms have news, because one of theirs changed; one that had ended goes on."""
    run(_TOUCH, (among(storms),))


def stir(storms: Sequence[int]) -> None:
    """Open storms again whose incidents came back."""
    run(_STIR, (among(storms),))


def resolve(kind: str, keys: Sequence[str], at: datetime) -> list[tuple[int, int | None]]:
    """Close the open rows of a kind with these keys; ids with the storms that speak for them."""
    return _closed(_RESOLVE, kind, keys, at)


def settle(kind: str, still: Sequence[str], at: datetime) -> list[tuple[int, int | None]]:
    """Close the open rows of a kind except those with these keys; ids as above."""
    return _closed(_SETTLE, kind, still, at)


def _closed(statement: str, kind: str, keys: Sequence[str], at: datetime) -> list[tuple[int, int | None]]:
    return [(row[0], row[1]) for row in read(statement, (bind(at), kind, _texts(keys)))]


def _texts(values: Sequence[str]) -> str:
    """The parameter of `{in:text}` for texts that may hold commas and quotes."""
    return pg_text_array(values) if is_postgres() else orjson.dumps(list(values)).decode()


def calm(storms: Sequence[int], at: datetime) -> None:
    """Close those of these storms that have nothing open left."""
    run(_CALM, (bind(at), among(storms)))


def acknowledge(alert_id: int, by: str, at: datetime) -> bool:
    """Note who looks after an incident, and after all that it speaks for; False if somebody does, or it is over."""
    return execute(_ACKNOWLEDGE, (by, bind(at), alert_id, alert_id)) > 0


def note(alert_id: int, text: str) -> bool:
    """Add a line to what the message of an incident says was done; False if there is no such incident."""
    return execute(_NOTE_POSTGRES if is_postgres() else _NOTE_SQLITE, (text, alert_id)) == 1


def by_message(chat_id: int, message_id: int) -> int | None:
    """The incident that a message of the chat is about."""
    rows = fetch("select max(id) from alert where chat_id = %s and message_id = %s", (chat_id, message_id))
    return None if rows[0][0] is None else int(rows[0][0])
