"""The schema of archived days on PostgreSQL; on both engines, days that were brought back and addresses that went."""

from typing import Any

from models.migrate import apply

ARCHIVED_DAY = """
alter table archived_day rename to archived_day_before;
create table archived_day (day {date} not null, name text not null,
    state text not null check (state in ('moving', 'archived', 'restoring', 'restored', 'purged')),
    row_count bigint not null, advertiser_cost bigint not null default 0, partner_cost bigint not null default 0,
    archived_at {instant} not null, erased_at {instant}, primary key (day, name));
insert into archived_day (day, name, state, row_count, advertiser_cost, partner_cost, archived_at)
    select day, name, state, row_count, advertiser_cost, partner_cost, archived_at from archived_day_before;
drop table archived_day_before;
"""
SCHEMA = """
alter table archived_day rename constraint archived_day_pkey1 to archived_day_pkey;
create schema if not exists archive;
"""


def up(migrator: Any, db: Any) -> None:
    """Make room for the new states, which SQLite can only do by making the table anew."""
    apply(db, ARCHIVED_DAY, postgres=SCHEMA)
