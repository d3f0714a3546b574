"""Days that have left the live tables: which there are, what is remembered of them, and moving them either way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from enum import StrEnum
from typing import ClassVar, Protocol, cast

from peewee import BigIntegerField, CompositeKey, TextField

from config.clock import now
from models import archive_postgres, archive_sqlite, bulk
from models.archive_tables import KEYS, ArchiveInUse, Totals
from models.database import fetch, is_postgres
from models.fields import Day, EnumText, Micros, UtcDateTime, bind
from models.fields import day as as_day
from models.runtime import Row

__all__ = ["KEYS", "ArchiveInUse", "ArchiveState", "ArchivedDay", "Totals"]


class ArchiveState(StrEnum):
    """Where one day of one table is."""

    MOVING = "moving"
    ARCHIVED = "archived"
    RESTORING = "restoring"
    RESTORED = "restored"
    PURGED = "purged"


AWAY = (ArchiveState.MOVING, ArchiveState.ARCHIVED, ArchiveState.PURGED, ArchiveState.RESTORING)
HELD = (ArchiveState.RESTORING, ArchiveState.RESTORED)


class ArchivedDay(Row):
    """One day of one table that has left the live tables; a restored one stays live until it is asked away again."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        ArchiveState.MOVING: (ArchiveState.ARCHIVED,),
        ArchiveState.ARCHIVED: (ArchiveState.MOVING, ArchiveState.RESTORING, ArchiveState.PURGED),
        ArchiveState.RESTORING: (ArchiveState.RESTORED,),
        ArchiveState.RESTORED: (ArchiveState.MOVING,),
        ArchiveState.PURGED: (ArchiveState.MOVING,),
    }

    day = Day()
    name = TextField()
    state = EnumText(ArchiveState)
    row_count = BigIntegerField()
    advertiser_cost = Micros(default=0)
    partner_cost = Micros(default=0)
    archived_at = UtcDateTime()
    erased_at = UtcDateTime(null=True)

    class Meta:
        primary_key = CompositeKey("day", "name")


class Store(Protocol):
    """What each engine does its own way."""

    def session(self) -> AbstractContextManager[None]: ...
    def reading(self) -> AbstractContextManager[None]: ...
    def live_days(self, table: str, before: date) -> list[date]: ...
    def detached_days(self, table: str, before: date) -> list[date]: ...
    def place(self, table: str, day: date) -> str: ...
    def holds(self, table: str, day: date) -> bool: ...
    def move(self, table: str, day: date) -> Totals: ...
    def bring_back(self, table: str, day: date) -> None: ...
    def purge(self, table: str, day: date) -> None: ...
    def drop_live(self, table: str, day: date) -> None: ...
    def totals(self, table: str, day: date) -> Totals: ...
    def both(self, table: str, day: date) -> int: ...
    def size(self, table: str, day: date) -> int | None: ...


def store() -> Store:
    """The archive of the engine in use."""
    return cast(Store, archive_postgres if is_postgres() else archive_sqlite)


Moves = Sequence[tuple[str, date]]
_MOVES = bulk.Rows("name text, day day")
_DECIDE = """
insert into archived_day (day, name, state, row_count, archived_at)
select v.day, v.name, 'moving', 0, {instant} from {rows} where true
on conflict (day, name) do update set state = 'moving', archived_at = excluded.archived_at, erased_at = null
where archived_day.state <> 'restoring'
"""
_ARCHIVED = """
update archived_day set state = 'archived', row_count = %s, advertiser_cost = %s, partner_cost = %s, archived_at = %s
where name = %s and day = %s and state = 'moving'
"""
_SET = "update archived_day set state = %s, archived_at = %s where name = %s and day = %s and state = %s"
_UNSETTLED = """
select distinct click_day from click_error where state in ('open', 'unknown', 'retry') and click_day < %s
"""


def movable(table: str, before: date, held: Iterable[ArchiveState] = HELD) -> list[date]:
    """Days before a day that are to leave a table: live or half moved, not held by a person, no fault unsettled."""
    stays = days_in(table, held)
    if table == "click_error":
        stays |= {as_day(day) for (day,) in fetch(_UNSETTLED, (bind(before),))}
    half = days_in(table, (ArchiveState.MOVING,))
    return sorted((set(store().live_days(table, before)) | half) - stays | half)


def days_in(table: str, states: Iterable[ArchiveState]) -> set[date]:
    """Days of a table in these states."""
    query = "select day from archived_day where name = %s and state {in:text}"
    return {as_day(day) for (day,) in bulk.read(query, (table, bulk.among([state.value for state in states])))}


def state_of(table: str, day: date) -> ArchiveState | None:
    """Where a day of a table is; None as long as it has never left."""
    rows = fetch("select state from archived_day where name = %s and day = %s", (table, bind(day)))
    return ArchiveState(rows[0][0]) if rows else None


def decide(moves: Moves) -> None:
    """Note that these days leave; from then on nothing but finishing it is left to do."""
    _MOVES.run(_DECIDE, list(moves), before=(bind(now()),))


def move(table: str, day: date) -> Totals:
    """Move one day that was decided; repeating it finishes what was interrupted."""
    found = store().move(table, day)
    values = (found.rows, found.advertiser_cost, found.partner_cost, bind(now()), table, bind(day))
    bulk.run(_ARCHIVED, values)
    return found


def begin_restore(moves: Moves) -> None:
    """Note that archived days are wanted back; what is left to do then is `finish_restore`."""
    for move in moves:
        _set(move, ArchiveState.ARCHIVED, ArchiveState.RESTORING)


def finish_restore(moves: Moves) -> None:
    """Bring days that are wanted back into the live tables, where they stay; repeating it finishes what was cut."""
    for table, day in moves:
        if state_of(table, day) == ArchiveState.RESTORING:
            store().bring_back(table, day)
            _set((table, day), ArchiveState.RESTORING, ArchiveState.RESTORED)


def purge(table: str, day: date) -> bool:
    """Drop an archived day for good; False if it is not archived."""
    if state_of(table, day) != ArchiveState.ARCHIVED:
        return False
    store().purge(table, day)
    return _set((table, day), ArchiveState.ARCHIVED, ArchiveState.PURGED)


def _set(move: tuple[str, date], old: ArchiveState, new: ArchiveState) -> bool:
    table, day = move
    return bool(bulk.run(_SET, (new.value, bind(now()), table, bind(day), old.value)))


def recount(table: str, day: date) -> Totals:
    """Store anew what an archived day holds, after rows of it were deleted on purpose."""
    found = store().totals(table, day)
    query = "update archived_day set row_count = %s where name = %s and day = %s and state = 'archived'"
    bulk.run(query, (found.rows, table, bind(day)))
    return found


def listed(first: date | None = None, last: date | None = None) -> list[ArchivedDay]:
    """What is remembered of days, the newest first."""
    rows = ArchivedDay.select().order_by(ArchivedDay.day.desc(), ArchivedDay.name)
    rows = rows.where(ArchivedDay.day >= first) if first else rows
    return list(rows.where(ArchivedDay.day <= last) if last else rows)


def erased(table: str, day: date) -> None:
    """Note that an archived day holds no address any more."""
    bulk.run("update archived_day set erased_at = %s where name = %s and day = %s", (bind(now()), table, bind(day)))
