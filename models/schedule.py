"""The schedule as rows: what is due is decided here, under a row lock, by the database's own clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from config import clock
from config.catalog import CatchUp, Task
from models.database import execute, fetch, is_postgres
from models.fields import bind, instant
from models.runtime import RunState

_SEED = """
insert into schedule (task, enabled, catch_up, per_local_day, last_due_at)
values (%s, %s, %s, %s, %s) on conflict do nothing
"""
_COLUMNS = """
select task, spec, tz, enabled, catch_up, max_catch_up, per_local_day, last_due_at, version from schedule
"""
_RUN = """
insert into schedule_run (task, due_at, local_date, state, missed_count, message_id)
values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning id
"""
_BEAT = """
insert into scheduler_heartbeat (instance, started_at, seen_at) values (%s, %s, %s)
on conflict (instance) do update set started_at = excluded.started_at, seen_at = excluded.seen_at
"""
_RESUME = """
update schedule set enabled = %s, paused_by = null, paused_reason = null, last_due_at = %s, version = version + 1
where task = %s and not enabled
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the schedule."""

    task: str
    spec: str | None
    zone: str
    enabled: bool
    catch_up: CatchUp
    max_catch_up: int
    per_local_day: bool
    last_due_at: datetime
    version: int


def database_now() -> datetime:
    """The instant by the clock that all schedulers share; on SQLite all of them live on one machine."""
    return instant(fetch("select clock_timestamp()")[0][0]) if is_postgres() else clock.now()


def seed(tasks: Iterable[Task]) -> None:
    """Add a row per periodic task that has none; a new task starts now, its past is not caught up."""
    at = database_now()
    for task in tasks:
        if task.trigger:
            execute(_SEED, [bind(value) for value in (task.name, True, task.trigger.catch_up, False, at)])


def entries() -> list[Entry]:
    """All rows, the switched-off ones included."""
    return [_entry(row) for row in fetch(_COLUMNS)]


def lock(task: str) -> Entry | None:
    """The row of an enabled task, locked until the transaction ends; None if another process has it or it is off.

    SQLite locks the whole database when the transaction begins, so a plain read is enough there.
    """
    wanted = f"{_COLUMNS} where task = %s and enabled"
    rows = fetch(f"{wanted} for update skip locked" if is_postgres() else wanted, (task,))
    return _entry(rows[0]) if rows else None


def record(task: str, due_at: datetime, message_id: UUID, local_date: date | None = None) -> bool:
    """Note that this due time gets a message; False if it, or that local day, already had one."""
    return _insert_run(task, due_at, local_date, RunState.ENQUEUED, 0, message_id)


def record_missed(task: str, last_due_at: datetime, count: int) -> bool:
    """Note a gap in one row: so many due times up to this one passed unused."""
    return _insert_run(task, last_due_at, None, RunState.MISSED, count, None)


def _insert_run(*values: Any) -> bool:
    return bool(fetch(_RUN, [bind(value) for value in values]))


def advance(task: str, last_due_at: datetime) -> None:
    """Due times up to this one are settled."""
    execute("update schedule set last_due_at = %s where task = %s", (bind(last_due_at), task))


def edit(task: str, spec: str | None, zone: str = "UTC") -> bool:
    """Set another time for a task, None for the catalog's; it counts from now on. False for an unknown task."""
    sql = "update schedule set spec = %s, tz = %s, last_due_at = %s, version = version + 1 where task = %s"
    return execute(sql, (spec, zone, bind(database_now()), task)) == 1


def pause(task: str, by: str, reason: str) -> bool:
    """Stop firing a task; False if it is paused already or unknown."""
    sql = """
    update schedule set enabled = %s, paused_by = %s, paused_reason = %s, version = version + 1
    where task = %s and enabled
    """
    return execute(sql, (False, by, reason, task)) == 1


def resume(task: str) -> bool:
    """Fire a task again from now on, what passed during the pause is not caught up; False if it was not paused."""
    return execute(_RESUME, (True, bind(database_now()), task)) == 1


def beat(instance: str, started_at: datetime) -> None:
    """Leave a sign of life of one scheduler process."""
    execute(_BEAT, (instance, bind(started_at), bind(database_now())))


def forget_silent(since: datetime) -> int:
    """Drop the heartbeats of processes that have been gone since before this instant; how many."""
    return execute("delete from scheduler_heartbeat where seen_at < %s", (bind(since),))


def _entry(row: tuple[Any, ...]) -> Entry:
    task, spec, zone, enabled, catch_up, most, per_local_day, last_due_at, version = row
    when = instant(last_due_at) if last_due_at else database_now()
    return Entry(task, spec, zone, bool(enabled), CatchUp(catch_up), most, bool(per_local_day), when, version)
