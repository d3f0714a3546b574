"""Rows of the runtime: what waits, what died, what was due, what ran, who holds a lease."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from peewee import BigAutoField, BigIntegerField, BlobField, BooleanField, IntegerField, Model, TextField

from models.engine import db
from models.fields import Day, EnumText, UtcDateTime, Uuid


class Row(Model):
    """Base of every table: explicit names, only changed columns are written."""

    class Meta:
        database = db
        legacy_table_names = False
        only_save_dirty = True


class Outbox(Row):
    """A message that waits to be published: written with the change it follows from, deleted when confirmed."""

    id = BigAutoField()
    message_id = Uuid()
    attempt = IntegerField(default=0)
    task = TextField()
    queue = TextField()
    body = BlobField()
    available_at = UtcDateTime()
    dedupe_key = TextField(null=True, unique=True)
    fair_key = TextField(null=True)
    tries = IntegerField(default=0)
    created_at = UtcDateTime()


class DeadReason(StrEnum):
    """Why a message was given up."""

    EXHAUSTED = "exhausted"
    REJECTED = "rejected"
    UNKNOWN_ACTOR = "unknown_actor"
    UNDECODABLE = "undecodable"
    TOO_OLD = "too_old"
    POISON = "poison"


class DeadState(StrEnum):
    """Where a dead letter stands."""

    DEAD = "dead"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class DeadLetter(Row):
    """A message that was given up, kept whole so that it can be replayed; unique on (message_id, attempt)."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        DeadState.DEAD: (DeadState.REPLAYED, DeadState.DISCARDED),
        DeadState.REPLAYED: (),
        DeadState.DISCARDED: (),
    }

    id = BigAutoField()
    message_id = Uuid()
    attempt = IntegerField(default=0)
    task = TextField()
    queue = TextField()
    body = BlobField()
    reason = EnumText(DeadReason)
    error = TextField(null=True)
    fingerprint = TextField()
    first_seen_at = UtcDateTime()
    resolved_at = UtcDateTime(null=True)
    state = EnumText(DeadState, default=DeadState.DEAD)


class Schedule(Row):
    """One periodic task as the operator may change it; no spec means the catalog's."""

    task = TextField(primary_key=True)
    spec = TextField(null=True)
    tz = TextField(default="UTC")
    enabled = BooleanField()
    catch_up = TextField()
    max_catch_up = IntegerField(default=100)
    overlap = TextField(default="skip")
    per_local_day = BooleanField()
    last_due_at = UtcDateTime(null=True)
    version = IntegerField(default=0)
    paused_by = TextField(null=True)
    paused_reason = TextField(null=True)


class RunState(StrEnum):
    """How one due time ended."""

    ENQUEUED = "enqueued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"
    SKIPPED = "skipped"


class ScheduleRun(Row):
    """What was due and how it ended; unique on (task, due_at), which is what keeps two schedulers apart."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        RunState.ENQUEUED: (RunState.RUNNING, RunState.DONE, RunState.FAILED, RunState.SKIPPED),
        RunState.RUNNING: (RunState.DONE, RunState.FAILED),
        RunState.FAILED: (RunState.RUNNING, RunState.DONE),
        RunState.DONE: (),
        RunState.MISSED: (),
        RunState.SKIPPED: (),
    }

    id = BigAutoField()
    task = TextField()
    due_at = UtcDateTime()
    local_date = Day(null=True)
    state = EnumText(RunState)
    missed_count = IntegerField(default=0)
    message_id = Uuid(null=True)
    started_at = UtcDateTime(null=True)
    finished_at = UtcDateTime(null=True)
    result = TextField(null=True)


class SchedulerHeartbeat(Row):
    """A sign of life of one scheduler process."""

    instance = TextField(primary_key=True)
    started_at = UtcDateTime()
    seen_at = UtcDateTime()


class TaskLease(Row):
    """Who runs a task that must not overlap, and until when."""

    task = TextField(primary_key=True)
    holder = TextField()
    expires_at = UtcDateTime()


class TaskRun(Row):
    """One execution of a task; kept 30 days."""

    id = BigAutoField()
    task = TextField()
    message_id = Uuid(null=True)
    attempt = IntegerField(default=0)
    started_at = UtcDateTime()
    finished_at = UtcDateTime(null=True)
    result = TextField(null=True)
    rows_done = BigIntegerField(null=True)
    error = TextField(null=True)


class MessageCancel(Row):
    """A tombstone: this message must not start."""

    message_id = Uuid(primary_key=True)
    cancelled_by = TextField()
    at = UtcDateTime()


class QueueControl(Row):
    """Whether a queue is paused, by whom and why."""

    queue = TextField(primary_key=True)
    paused = BooleanField()
    changed_by = TextField()
    reason = TextField()
    at = UtcDateTime()


class Poison(Row):
    """How often a redelivered message took its worker down with it."""

    message_id = Uuid(primary_key=True)
    crashes = IntegerField()
    at = UtcDateTime()


class QueueMessage(Row):
    """A message of the embedded queue (SQLite only), leased to a consumer or free."""

    id = BigAutoField()
    message_id = TextField()
    queue = TextField()
    body = BlobField()
    priority = IntegerField(default=1)
    available_at = UtcDateTime()
    dedupe_key = TextField(null=True, unique=True)
    lease_by = TextField(null=True)
    lease_until = UtcDateTime(null=True)
    deliveries = IntegerField(default=0)
