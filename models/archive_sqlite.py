"""The archive on SQLite: a file beside the live one; rows are copied there first and deleted here second."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from config.clock import monotonic
from config.settings import get_settings
from models.archive_tables import DAY_OF, KEYS, ArchiveInUse, Totals, named, totals_of
from models.database import db, execute, fetch
from models.fields import bind
from models.fields import day as as_day

BATCH = 10_000
CHECKPOINT_PAGES = 10_000
"""Batches change the same pages of indexes again and again; this many are written back together."""
REST = 0.25
"""Rest after a batch, as part of the time it took: others wait for the one write lock."""

_DAYS = """
with recursive found (day) as (
    select min({day}) from {table} where {day} < %s
    union all select (select min({day}) from {table} where {day} > found.day and {day} < %s) from found
    where found.day is not null)
select day from found where day is not null
"""
_LAST = """
select {rest} from {source}.{table} where {day} = %s and ({rest}) > ({marks}) order by {rest} limit 1 offset %s
"""
_TO_ARCHIVE = """
insert or replace into archive.{table} ({columns}) select {columns} from main.{table}
where {day} = %s and ({rest}) > ({marks}) order by {rest} limit %s
"""
_FROM_ARCHIVE = """
insert into main.{table} ({columns}) select {values} from archive.{table}
where {day} = %s and ({rest}) > ({marks}) order by {rest} limit %s on conflict do nothing
"""
# a row that changed after it was copied is not the same, so it stays and is copied again; the cross join makes SQLite
# begin with the rows that are left to delete, not with all that were copied
_DELETE_LIVE = """
delete from main.{table} where ({keys}) in (
    select {t_keys} from main.{table} as t cross join archive.{table} as o on {same}
    where t.{day} = %s and ({t_columns}) is ({o_columns}) order by {t_keys} limit %s)
"""
_DELETE_ARCHIVED = """
delete from archive.{table} where ({keys}) in (
    select {t_keys} from archive.{table} as t cross join main.{table} as o on {same}
    where t.{day} = %s order by {t_keys} limit %s)
"""
_PURGE = """
delete from {schema}.{table} where ({keys}) in (select {keys} from {schema}.{table} where {day} = %s limit %s)
"""


def path() -> Path:
    """The file of the archive."""
    live = Path(str(db.obj.database))
    return get_settings().archive_path or live.with_name(f"archive-{live.name}")


@contextmanager
def session() -> Iterator[None]:
    """Be the only one at the archive, with its file attached; raises ArchiveInUse."""
    with open(f"{db.obj.database}.archive.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveInUse from None
        with _attached():
            yield


@contextmanager
def reading() -> Iterator[None]:
    """The archive within reach, if there is one."""
    if not path().exists():
        yield
        return
    with _attached():
        yield


@contextmanager
def _attached() -> Iterator[None]:
    if _is_attached():
        yield
        return
    path().parent.mkdir(parents=True, exist_ok=True)
    execute("attach database %s as archive", (str(path()),))
    try:
        fetch("pragma archive.journal_mode = wal")
        execute("pragma archive.synchronous = full")
        fetch(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
        yield
    finally:
        fetch("pragma wal_autocheckpoint = 1000")
        if _is_attached():
            execute("detach database archive")


def _is_attached() -> bool:
    return any(row[1] == "archive" for row in fetch("pragma database_list"))


def live_days(table: str, before: date) -> list[date]:
    """Days of the live table before a day, the oldest first."""
    query = named(_DAYS, day=DAY_OF[table], table=table)
    return [as_day(text) for (text,) in fetch(query, (bind(before), bind(before)))]


def place(table: str, day: date) -> str:
    """The table that holds the archived rows of a day, with those of other days."""
    return f"archive.{table}"


def holds(table: str, day: date) -> bool:
    """Whether the archive has rows of this day."""
    return bool(_columns("archive", table)) and _has("archive", table, day)


def move(table: str, day: date) -> Totals:
    """Take one day out of the live table; repeating it finishes what was interrupted, or changes nothing."""
    _make(table)
    while _has("main", table, day):
        _copy(_TO_ARCHIVE, "main", table, day)
        _in_batches(_DELETE_LIVE, table, day)
    return totals(table, day)


def bring_back(table: str, day: date) -> None:
    """Put an archived day back into the live table, exactly as it left; a day that is back already stays."""
    if not _columns("archive", table):
        return
    _make(table)
    while _has("archive", table, day):
        _copy(_FROM_ARCHIVE, "archive", table, day)
        _in_batches(_DELETE_ARCHIVED, table, day)


def purge(table: str, day: date) -> None:
    """Delete an archived day for good."""
    if _columns("archive", table):
        _in_batches(_PURGE.replace("{schema}", "archive"), table, day)


def drop_live(table: str, day: date) -> None:
    """Delete a day of the live table for good."""
    _in_batches(_PURGE.replace("{schema}", "main"), table, day)


def detached_days(table: str, before: date) -> list[date]:
    """Nothing is detached here."""
    return []


def totals(table: str, day: date) -> Totals:
    """Rows and money of an archived day."""
    return totals_of(table, place(table, day), day) if _columns("archive", table) else Totals(0)


def both(table: str, day: date) -> int:
    """How many rows of a day are live and archived at once."""
    if not _columns("archive", table):
        return 0
    query = "select count(*) from main.{table} as t join archive.{table} as o on {same} where t.{day} = %s"
    return int(fetch(_filled(query, table), (bind(day),))[0][0])


def size(table: str, day: date) -> int | None:
    """Not known of one day; the file is shared by all."""
    return None


def _make(table: str) -> None:
    """Make the archive's table with the columns of the live one, or add those that the live one got later.

    Nothing is checked there: what was right when it was written is kept even if today's rules are stricter.
    """
    live, present = _columns("main", table), _columns("archive", table)
    if not present:
        columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in live.items())
        execute(f"create table archive.{table} ({columns}, primary key ({', '.join(KEYS[table])})) without rowid")
    for name, (kind, _, _) in live.items():
        if present and name not in present:
            execute(f"alter table archive.{table} add column {name} {kind}")


def _columns(schema: str, table: str) -> dict[str, tuple[str, bool, str | None]]:
    """Type, whether it must have a value, and the default, by name; empty without such a table."""
    if schema == "archive" and not _is_attached():
        return {}
    rows = fetch(f"pragma {schema}.table_info({table})")
    return {name: (kind, bool(required), default) for _, name, kind, required, default, _ in rows}


def _has(schema: str, table: str, day: date) -> bool:
    query = "select 1 from {schema}.{table} where {day} = %s limit 1".replace("{schema}", schema)
    return bool(fetch(_filled(query, table), (bind(day),)))


def _copy(statement: str, source: str, table: str, day: date) -> None:
    """Copy in batches along the key, each a transaction."""
    after: tuple[Any, ...] | None = tuple("" if key == "click_id" else -1 for key in KEYS[table][1:])
    last = _filled(_LAST.replace("{source}", source), table)
    copy = _filled(statement, table)
    while after is not None:
        began = monotonic()
        with db.atomic():
            found = fetch(last, (bind(day), *after, BATCH - 1))
            execute(copy, (bind(day), *after, BATCH))
        after = found[0] if found else None
        time.sleep((monotonic() - began) * REST)


def _in_batches(statement: str, table: str, day: date) -> None:
    gone, text = BATCH, _filled(statement, table)
    while gone:
        began = monotonic()
        gone = execute(text, (bind(day), BATCH))
        time.sleep((monotonic() - began) * REST)


def _filled(statement: str, table: str) -> str:
    """The statement with the names of this table in it; all of them are constants of the program or the schema."""
    keys, live = KEYS.get(table) or (DAY_OF[table], "click_id"), _columns("main", table)
    return named(
        statement,
        table=table,
        day=keys[0],
        rest=", ".join(keys[1:]),
        marks=", ".join(["%s"] * (len(keys) - 1)),
        keys=", ".join(keys),
        t_keys=", ".join(f"t.{key}" for key in keys),
        same=" and ".join(f"t.{key} = o.{key}" for key in keys),
        columns=", ".join(live),
        t_columns=", ".join(f"t.{name}" for name in live),
        o_columns=", ".join(f"o.{name}" for name in live),
        values=", ".join(_value(name, required, default) for name, (_, required, default) in live.items()),
    )


def _value(name: str, required: bool, default: str | None) -> str:
    """A column of an archived row; one that is younger than the row has its default."""
    return f"coalesce({name}, {default})" if required and default is not None else name
