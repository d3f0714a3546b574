"""Day partitions on PostgreSQL of everything that grows by the day; on SQLite the tables are plain."""

from __future__ import annotations

from datetime import date, timedelta

from psycopg2 import sql

from config.clock import today
from models.database import db, fetch, is_postgres

CLICK_TABLES = ("click", "click_rejected", "click_error")
REPORT_TABLES = ("impression_daily", "block_view_daily", "stats_daily")
TABLES = CLICK_TABLES + REPORT_TABLES
DAYS_AHEAD = 7
DAYS_BACK = 3
_LOCK = 0x5167_6E62
_EXISTING = """
select c.relname from pg_class c join pg_inherits i on i.inhrelid = c.oid join pg_class p on p.oid = i.inhparent
where p.relkind = 'p' and p.relnamespace = current_schema()::regnamespace
"""


def keep_ahead(first: date | None = None, last: date | None = None, tables: tuple[str, ...] = TABLES) -> int:
    """Make the missing day partitions of the period (default: three days back to seven ahead); how many were made."""
    if not is_postgres():
        return 0
    first, last = first or today() - timedelta(days=DAYS_BACK), last or today() + timedelta(days=DAYS_AHEAD)
    with db.atomic():
        fetch("select pg_advisory_xact_lock(%s)", (_LOCK,))
        present = existing()
        missing = [
            (table, day) for day in _days(first, last) for table in tables if partition_name(table, day) not in present
        ]
        for table, day in missing:
            _create(table, day)
    return len(missing)


def existing() -> set[str]:
    """Names of the partitions that are attached."""
    return {name for (name,) in fetch(_EXISTING)}


def days_ahead() -> int:
    """For how many days from tomorrow on partitions exist without a gap; below 2 clicks are soon refused."""
    if not is_postgres():
        return DAYS_AHEAD
    present = existing()
    ahead = 0
    while all(partition_name(table, today() + timedelta(days=ahead + 1)) in present for table in TABLES):
        ahead += 1
    return ahead


def partition_name(table: str, day: date) -> str:
    """The table that holds this day."""
    return f"{table}_{day:%Y%m%d}"


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _create(table: str, day: date) -> None:
    names = {"parent": sql.Identifier(table), "child": sql.Identifier(partition_name(table, day))}
    bounds = {"low": sql.Literal(day), "high": sql.Literal(day + timedelta(days=1))}
    _run(sql.SQL("create table {child} (like {parent} including all)").format(**names))
    _run(
        sql.SQL("alter table {parent} attach partition {child} for values from ({low}) to ({high})").format(
            **names, **bounds
        )
    )


def _run(statement: sql.Composed) -> None:
    db.execute_sql(statement.as_string(db.connection()))
