"""Table of our own mail: what was to be sent about which payout and what became of it; no address and no text."""

from typing import Any

from models.migrate import apply

MAIL = """
create table mail (
    key text primary key, template text not null, request_id {uuid} not null,
    account_id bigint not null references account (id),
    state text not null check (state in ('pending', 'sent', 'failed', 'unknown')),
    attempts integer not null default 0, claimed_until {instant}, created_at {instant} not null, sent_at {instant},
    failure text);
create index mail_account on mail (account_id);
create index mail_open on mail (created_at) where state <> 'sent';
"""


def up(migrator: Any, db: Any) -> None:
    """Create the table."""
    apply(db, MAIL)
