"""One migrated PostgreSQL database, emptied after each test: a copy for each would cost ten times as much."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import psycopg2
from psycopg2.extras import Json

from bench.environment import Databases, Postgres

# beyond these a new copy costs less
LARGEST = 4 << 20
MOST_TABLES = 40
_OTHERS = """
select pg_terminate_backend(pid, 10000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
_OURS = "select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
# whatever changes the schema writes rows of the catalog anew, under its own transaction number
_SCHEMA = f"""
with ours as (select oid, xmin from pg_class where relnamespace in ({_OURS})), changes as (
    select xmin from ours
    union all select xmin from pg_attribute where attrelid in (select oid from ours)
    union all select xmin from pg_attrdef
    union all select xmin from pg_index where indrelid in (select oid from ours)
    union all select xmin from pg_constraint where connamespace in ({_OURS})
    union all select xmin from pg_trigger
    union all select xmin from pg_rewrite
    union all select xmin from pg_inherits
    union all select xmin from pg_proc where pronamespace in ({_OURS})
    union all select xmin from pg_type where typnamespace in ({_OURS})
    union all select xmin from pg_namespace where nspname !~ '^pg_(toast_)?temp_'
)
select count(*), sum(xmin::text::bigint),
    (select count(*) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
     where d.datname = current_database())
from changes
"""
# a table is marked when it gets its first partition, and stays marked
_UNMARKED = "select oid::regclass::text from pg_class where relkind = 'p' and not relhassubclass"
_TABLES = f"from pg_class where relkind = 'r' and relnamespace in ({_OURS})"
_USED = f"select oid::regclass::text {_TABLES} and pg_relation_size(oid) > 0"
_SIZE = f"select sum(pg_relation_size(oid)) {_TABLES}"
_NUMBERED = "select seqrelid::regclass::text, pg_sequence_last_value(seqrelid) from pg_sequence"
_EMPTY = f"""
do $$
declare
    used text;
    sequence record;
begin
    set local session_replication_role = replica;
    for used in {_USED} loop
        execute 'delete from ' || used;
    end loop;
    for sequence in select seqrelid, seqstart from pg_sequence where pg_sequence_last_value(seqrelid) is not null
    loop
        perform setval(sequence.seqrelid, sequence.seqstart, false);
    end loop;
end $$
"""


class KeptDatabase:
    """Hands out a migrated database, under a new name each time so that nobody left over reaches it."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template
        self._databases = Databases(server.url)
        self._free: str | None = None
        with closing(psycopg2.connect(self._databases.url(template))) as connection, connection.cursor() as cursor:
            _mark(cursor)
            connection.commit()
            self._tables = _column(cursor, f"select oid::regclass::text {_TABLES}")
            self._schema = _row(cursor, _SCHEMA)
            self._seeds = _seeds(cursor)

    def take(self) -> str:
        """The address of a database as the migrations leave it."""
        self._server.revive()
        kept, self._free = self._free, None
        return kept or self._server.fresh_database(self._template)

    def give_back(self, url: str) -> None:
        """Empty it, without new tables, and keep it; one that was changed otherwise, or has grown, is dropped.

        So is one to which somebody who was sent away comes back at once.
        """
        self._server.revive()
        if self._tidied(url):
            with suppress(psycopg2.errors.ObjectInUse):
                self._free = self._renamed(url)
                return
        self._server.drop_database(url)

    def _tidied(self, url: str) -> bool:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(_OTHERS)
            self._drop_new_tables(cursor)
            if _row(cursor, _SCHEMA) != self._schema or _row(cursor, _SIZE)[0] > LARGEST:
                return False
            cursor.execute(_EMPTY + self._seeds)
        return True

    def _drop_new_tables(self, cursor: Any) -> None:
        made = _column(cursor, f"select oid::regclass::text {_TABLES}") - self._tables
        if 0 < len(made) <= MOST_TABLES:
            cursor.execute(f"drop table {', '.join(made)} cascade")

    def _renamed(self, url: str) -> str:
        old = url.rpartition("/")[2]
        new = f"kept_{uuid4().hex}"
        with closing(psycopg2.connect(self._databases.url("postgres"))) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(f"alter database {old} rename to {new}")
        return self._databases.url(new)


def _mark(cursor: Any) -> None:
    for table in _column(cursor, _UNMARKED):
        cursor.execute(f"create table {table}_first partition of {table} default; drop table {table}_first")


def _seeds(cursor: Any) -> str:
    """The statements that put back what the migrations insert."""
    cursor.execute(_USED)
    statements = ["; set session_replication_role = replica"]
    for (table,) in cursor.fetchall():
        (rows,) = _row(cursor, f"select jsonb_agg(to_jsonb(seed)) from {table} seed")
        insert = f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s)"
        statements.append(cursor.mogrify(insert, (Json(rows or []),)).decode())
    cursor.execute(_NUMBERED)
    for sequence, last in cursor.fetchall():
        if last is not None:
            statements.append(f"select setval('{sequence}', {last})")
    return "; ".join(statements)


def _column(cursor: Any, query: str) -> set[str]:
    cursor.execute(query)
    return {value for (value,) in cursor.fetchall()}


def _row(cursor: Any, query: str) -> tuple[Any, ...]:
    cursor.execute(query)
    row: tuple[Any, ...] = cursor.fetchone()
    return row
