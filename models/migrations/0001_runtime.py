"""Tables of the runtime: outbox, dead letters, schedule, runs, leases, pauses, and the embedded queue."""

from typing import Any

from models.migrate import apply

TABLES = """
create table outbox (
    id {serial}, message_id {uuid} not null, attempt integer not null default 0, task text not null,
    queue text not null, body {bytes} not null,
    available_at {instant} not null, dedupe_key text unique, fair_key text, tries integer not null default 0,
    created_at {instant} not null,
    unique (message_id, attempt));
create index outbox_due on outbox (available_at, id) where fair_key is null;
create index outbox_fair on outbox (fair_key, available_at, id) where fair_key is not null;

create table dead_letter (
    id {serial}, message_id {uuid} not null, attempt integer not null default 0, task text not null,
    queue text not null, body {bytes} not null,
    reason text not null check (reason in ('exhausted', 'rejected', 'unknown_actor', 'undecodable', 'too_old',
    'poison')),
    error text, fingerprint text not null, first_seen_at {instant} not null, resolved_at {instant},
    state text not null default 'dead' check (state in ('dead', 'replayed', 'discarded')), unique (message_id,
    attempt));
create index dead_letter_open on dead_letter (first_seen_at) where state = 'dead';

create table schedule (
    task text primary key, spec text, tz text not null default 'UTC', enabled {bool} not null, catch_up text not null
    check (catch_up in ('skip', 'latest', 'all')), max_catch_up integer not null default 100,
    overlap text not null default 'skip' check (overlap in ('skip', 'queue', 'allow')), per_local_day {bool} not null,
    last_due_at {instant}, version integer not null default 0, paused_by text, paused_reason text);

create table schedule_run (
    id {serial}, task text not null, due_at {instant} not null, local_date {date},
    state text not null check (state in ('enqueued', 'running', 'done', 'failed', 'missed', 'skipped')),
    missed_count integer not null default 0, message_id {uuid}, started_at {instant}, finished_at {instant},
    result text,
    unique (task, due_at), unique (task, local_date));

create table scheduler_heartbeat (instance text primary key, started_at {instant} not null,
    seen_at {instant} not null);
create table task_lease (task text primary key, holder text not null, expires_at {instant} not null);
create table message_cancel (message_id {uuid} primary key, cancelled_by text not null, at {instant} not null);

create table task_run (
    id {serial}, task text not null, message_id {uuid}, attempt integer not null default 0,
    started_at {instant} not null,
    finished_at {instant}, result text, rows_done bigint, error text);
create index task_run_recent on task_run (task, started_at);

create table queue_control (queue text primary key, paused {bool} not null, changed_by text not null,
    reason text not null, at {instant} not null);
create table poison (message_id {uuid} primary key, crashes integer not null, at {instant} not null);
"""

EMBEDDED_QUEUE = """
create table queue_message (
    id integer primary key autoincrement, message_id text not null, queue text not null, body blob not null,
    priority integer not null default 1,
    available_at text not null, dedupe_key text unique, lease_by text, lease_until text,
    deliveries integer not null default 0);
create index queue_message_due on queue_message (queue, priority, id);
"""

TUNING = """
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0);
"""


def up(migrator: Any, db: Any) -> None:
    """Create the tables."""
    apply(db, TABLES, postgres=TUNING, sqlite=EMBEDDED_QUEUE)
