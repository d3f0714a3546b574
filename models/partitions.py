"""Day partitions of the click tables on PostgreSQL; on SQLite the tables are plain and nothing is to be done."""

from __future__ import annotations

from datetime import date, timedelta

from psycopg2 import sql

from config.clock import today
from models.database import db, fetch, is_postgres

TABLES = ("click", "click_rejected", "click_error")
DAYS_AHEAD = 7
DAYS_BACK = 3
_LOCK = 0x5167_6E62
_EXISTING = """
select relname from pg_class
where relkind = 'r' and relname like 'click%%' and relnamespace = current_schema()::regnamespace
"""


def keep_ahead(first: date | None = None, last: date | None = None) -> int:
    """Make the missing day partitions of the period (default: three days back to seven ahead); how many were made."""
    if not is_postgres():
        return 0
    first, last = first or today() - timedelta(days=DAYS_BACK), last or today() + timedelta(days=DAYS_AHEAD)
    with db.atomic():
        fetch("select pg_advisory_xact_lock(%s)", (_LOCK,))
        existing = {name for (name,) in fetch(_EXISTING)}
        missing = [
            (table, day) for day in _days(first, last) for table in TABLES if partition_name(table, day) not in existing
        ]
        for table, day in missing:
            _create(table, day)
    return len(missing)


def days_ahead() -> int:
    """For how many days from tomorrow on partitions exist without a gap; below 2 clicks are soon refused."""
    if not is_postgres():
        return DAYS_AHEAD
    existing = {name for (name,) in fetch(_EXISTING)}
    ahead = 0
    while all(partition_name(table, today() + timedelta(days=ahead + 1)) in existing for table in TABLES):
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
