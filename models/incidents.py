"""Reading incidents: one, those that a storm speaks for, and what is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from models import bulk
from models.alerts import STORM, Severity
from models.database import fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Incident:
    """One row; `version` grows with every change, `told_version` is the one that operators have read."""

    id: int
    kind: str
    key: str
    severity: Severity
    count: int
    payload: dict[str, Any]
    acked_by: str | None
    chat_id: int | None
    message_id: int | None
    message_text: str | None
    repeats: int
    version: int
    told_version: int
    group_id: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    acked_at: datetime | None
    announced_at: datetime | None
    repeat_at: datetime | None
    resolved_at: datetime | None
    closing_told_at: datetime | None
    notes: tuple[str, ...] = ()

    @property
    def is_storm(self) -> bool:
        """True for the one row that speaks for many."""
        return self.kind == STORM

    @property
    def open(self) -> bool:
        """True until it is settled."""
        return self.resolved_at is None


_COLUMNS = """id, kind, dedupe_key, severity, count, payload, acked_by, chat_id, message_id, message_text, repeats,
    version, told_version, group_id, first_seen_at, last_seen_at, acked_at, announced_at, repeat_at, resolved_at,
    closing_told_at, notes"""
_ONE = "select {columns} from alert where id = %s".replace("{columns}", _COLUMNS)
_MEMBERS = """
select {columns} from alert where group_id = %s
order by resolved_at is not null, id limit %s
""".replace("{columns}", _COLUMNS)
_TALLY = """
select kind, count(*), count(*) - count(resolved_at) from alert where group_id = %s group by kind order by 2 desc, 1
"""
_OPEN = """
select {columns} from alert where resolved_at is null and kind <> 'storm'
order by case severity when 'critical' then 1 when 'warning' then 2 else 3 end, id limit %s
""".replace("{columns}", _COLUMNS)
_OTHERS = """
select count(*) from alert where resolved_at is null and kind <> 'storm' and id <> %s
    and (group_id is null or group_id <> %s)
"""
_COUNTS = """
select severity, count(*), count(acked_at) from alert where resolved_at is null and kind <> 'storm' group by severity
"""
_NOTED = "select kind, dedupe_key from alert where resolved_at is null and last_seen_at > {instant} and kind {in:text}"


def find(alert_id: int) -> Incident | None:
    """The row with this id."""
    rows = fetch(_ONE, (alert_id,))
    return _incident(rows[0]) if rows else None


def members(storm: int, most: int) -> list[Incident]:
    """The first incidents that a storm speaks for."""
    return [_incident(row) for row in fetch(_MEMBERS, (storm, most))]


def tally(storm: int) -> list[tuple[str, int, int]]:
    """By kind: how many incidents a storm speaks for, and how many of them are open; the most frequent first."""
    return [(str(kind), int(total), int(still)) for kind, total, still in fetch(_TALLY, (storm,))]


def open_ones(most: int) -> list[Incident]:
    """What is open, the gravest first."""
    return [_incident(row) for row in fetch(_OPEN, (most,))]


def others_open(alert_id: int) -> int:
    """How many incidents are open beside this one and those that it speaks for."""
    return int(fetch(_OTHERS, (alert_id, alert_id))[0][0])


def open_counts() -> dict[Severity, tuple[int, int]]:
    """By severity: how many are open, and how many of these are acknowledged."""
    return {Severity(severity): (int(count), int(acked)) for severity, count, acked in fetch(_COUNTS)}


def noted_since(at: datetime, kinds: Iterable[str]) -> set[tuple[str, str]]:
    """(kind, key) of the open ones of these kinds that were raised, or noted again, since then."""
    return {(str(kind), str(key)) for kind, key in bulk.read(_NOTED, (bind(at), bulk.among(kinds)))}


def _incident(row: tuple[Any, ...]) -> Incident:
    values = list(row[:14])
    values[3], values[5] = Severity(values[3]), _document(values[5])
    times = (None if one is None else instant(one) for one in row[14:21])
    return Incident(*[*values, *times, tuple(_document(row[21]))])


def _document(value: Any) -> Any:
    """PostgreSQL hands over a document, SQLite its text."""
    return orjson.loads(value) if isinstance(value, (str, bytes)) else value
