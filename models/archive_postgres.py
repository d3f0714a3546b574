"""The archive on PostgreSQL: a partition is detached without blocking anybody and moves to another schema."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from peewee import OperationalError, ProgrammingError

from models import conflicts
from models.archive_tables import KEYS, ArchiveInUse, Totals, named, totals_of
from models.database import db, execute, fetch
from models.partitions import partition_name

LOCK_WAIT = "5s"
TRIES = 12
PAUSE_SECONDS = 1.0
_LOCK = 0x5167_6E64
# not now, or another process is just doing the same: lock timeout, statement timeout, deadlock, already pending,
# not a partition any more, no such table any more
_AGAIN = frozenset({"55P03", "57014", "40P01", "55000", "42P01", "55006"})
_STATE = """
select i.inhdetachpending from pg_inherits i join pg_class c on c.oid = i.inhrelid
    join pg_class p on p.oid = i.inhparent
where p.relname = %s and c.relname = %s and p.relnamespace = current_schema()::regnamespace
"""
_PARTITIONS = """
select right(c.relname, 8) from pg_inherits i join pg_class c on c.oid = i.inhrelid
    join pg_class p on p.oid = i.inhparent
where p.relname = %s and p.relnamespace = current_schema()::regnamespace
"""
_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_COPY = "insert into {target} ({columns}) select {columns} from {source} on conflict do nothing"
_FORGET_OLDER = "delete from {kept} as kept using {live} as live where {same}"
_BOTH = "select count(*) from {live} as live join {kept} as kept on {same}"


@contextmanager
def session() -> Iterator[None]:
    """Be the only one at the archive, with patience for locks that block nobody; raises ArchiveInUse."""
    if not fetch("select pg_try_advisory_lock(%s)", (_LOCK,))[0][0]:
        raise ArchiveInUse
    before = fetch("select current_setting('lock_timeout'), current_setting('statement_timeout')")[0]
    try:
        _limit(LOCK_WAIT, "0")
        yield
    finally:
        if not db.is_closed() and db.is_connection_usable():
            _limit(*before)
            fetch("select pg_advisory_unlock(%s)", (_LOCK,))


@contextmanager
def reading() -> Iterator[None]:
    """The archive within reach; here it always is."""
    yield


def _limit(lock: str, statement: str) -> None:
    fetch("select set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)", (lock, statement))


def live_days(table: str, before: date) -> list[date]:
    """Days of the live table before a day, the oldest first; one whose detaching was interrupted is among them."""
    days = (datetime.strptime(text, "%Y%m%d").date() for (text,) in fetch(_PARTITIONS, (table,)))  # noqa: DTZ007
    return sorted(day for day in days if day < before)


def place(table: str, day: date) -> str:
    """The table that holds the archived rows of a day."""
    return f"archive.{partition_name(table, day)}"


def holds(table: str, day: date) -> bool:
    """Whether the archive has this day."""
    return _exists(place(table, day))


def move(table: str, day: date) -> Totals:
    """Take one day out of the live table; repeating it finishes what was interrupted, or changes nothing."""
    name = partition_name(table, day)
    _detach(table, name)
    with db.atomic():
        # in a statement of its own, so that the next one sees what another process has done meanwhile
        fetch("select pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, name))
        if _exists(name):
            _put_away(table, name)
        elif not _exists(place(table, day)):
            raise LookupError(f"{name} is neither live nor archived")
        return totals(table, day)


def _detach(table: str, name: str) -> None:
    for left in reversed(range(TRIES)):
        state = fetch(_STATE, (table, name))
        if not state:
            return
        how = "finalize" if state[0][0] else "concurrently"
        try:
            execute(f"alter table {table} detach partition {name} {how}")
            return
        except (OperationalError, ProgrammingError) as error:
            if conflicts.code(error) not in _AGAIN or not left:
                raise
            time.sleep(PAUSE_SECONDS)


def _put_away(table: str, name: str) -> None:
    kept = f"archive.{name}"
    if not _exists(kept):
        execute(f"alter table {name} set schema archive")
        return
    _widen(kept, table)
    execute(named(_FORGET_OLDER, kept=kept, live=name, same=_same(table)))
    _copy(name, kept, table)
    execute(f"drop table {name}")


def _copy(source: str, target: str, table: str) -> int:
    columns = ", ".join(column for column, *_ in fetch(_COLUMNS, (table,)))
    return execute(named(_COPY, target=target, source=source, columns=columns))


def _same(table: str) -> str:
    return " and ".join(f"kept.{key} = live.{key}" for key in KEYS[table])


def _widen(kept: str, table: str) -> None:
    """Add the columns that the live table got after this day had left it."""
    present = {name for name, *_ in fetch(_COLUMNS, (kept,))}
    for name, kind, required, default in fetch(_COLUMNS, (table,)):
        if name not in present:
            more = (f" default {default}" if default else "") + (" not null" if required else "")
            execute(f"alter table {kept} add column {name} {kind}{more}")


def totals(table: str, day: date) -> Totals:
    """Rows and money of an archived day."""
    return totals_of(table, place(table, day), day) if holds(table, day) else Totals(0)


def bring_back(table: str, day: date) -> None:
    """Put an archived day back into the live table, exactly as it left; a day that is back already stays."""
    conflicts.transaction(lambda: _bring_back(table, day))


def _bring_back(table: str, day: date) -> None:
    name, kept = partition_name(table, day), place(table, day)
    if not _exists(kept):
        return
    _widen(kept, table)
    if _exists(name):
        _copy(kept, name, table)
        execute(f"drop table {kept}")
        return
    schema = fetch("select quote_ident(current_schema())")[0][0]
    execute(f"alter table {kept} set schema {schema}")
    bounds = f"from ('{day}') to (date '{day}' + 1)"
    execute(f"alter table {table} attach partition {name} for values {bounds}")


def purge(table: str, day: date) -> None:
    """Drop an archived day for good."""
    execute(f"drop table if exists {place(table, day)}")


def drop_live(table: str, day: date) -> None:
    """Drop a day of the live table for good, without blocking those who use other days."""
    name = partition_name(table, day)
    _detach(table, name)
    execute(f"drop table if exists {name}")


def detached_days(table: str, before: date) -> list[date]:
    """Days whose tables are neither attached nor archived: dropping them was interrupted."""
    attached = {partition_name(table, day) for day in live_days(table, date.max)}
    names = fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace "
        "and relname ~ %s",
        (f"^{table}_[0-9]{{8}}$",),
    )
    days = (datetime.strptime(name[-8:], "%Y%m%d").date() for (name,) in names if name not in attached)  # noqa: DTZ007
    return sorted(day for day in days if day < before)


def both(table: str, day: date) -> int:
    """How many rows of a day are live and archived at once."""
    name = partition_name(table, day)
    if not (fetch(_STATE, (table, name)) and holds(table, day)):
        return 0
    return int(fetch(named(_BOTH, live=name, kept=place(table, day), same=_same(table)))[0][0])


def size(table: str, day: date) -> int | None:
    """Bytes of an archived day with its indexes."""
    return int(fetch("select pg_total_relation_size(%s)", (place(table, day),))[0][0]) if holds(table, day) else None


def _exists(name: str) -> bool:
    return bool(fetch("select to_regclass(%s) is not null", (name,))[0][0])
