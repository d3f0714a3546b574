"""Turns due times into messages: each due time once, however many schedulers ask at the same moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from config import catalog
from config.catalog import CatchUp
from config.ids import new_id
from models import outbox, schedule
from models.database import db
from models.envelope import encode_message
from models.schedule import Entry
from scheduler import metrics
from scheduler.clock import trigger_of

log = structlog.get_logger(__name__)

# a due time this late still counts as "now": two sweeps, so that a frozen scheduler's tick is taken over by another
PUNCTUAL = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes a message, and what is written off."""

    fire: list[datetime]
    missed: list[datetime]


def plan(due: list[datetime], policy: CatchUp, at: datetime, most: int) -> Plan:
    """Split due times by the catch-up policy; `most` bounds how many `all` makes up for."""
    keep = {CatchUp.SKIP: 1 if due and at - due[-1] <= PUNCTUAL else 0, CatchUp.LATEST: 1, CatchUp.ALL: most}[policy]
    cut = max(len(due) - keep, 0)
    return Plan(due[cut:], due[:cut])


def fire_due(task: str) -> int:
    """Enqueue what is due of one task; how many messages. Does nothing while another process does it."""
    with db.atomic():
        entry = schedule.lock(task)
        return _fire(entry) if entry else 0


def _fire(entry: Entry) -> int:
    at = schedule.database_now()
    trigger = trigger_of(catalog.find(entry.task), entry.spec, entry.zone)
    due = list(trigger.between(entry.last_due_at, at))
    if not due:
        return 0
    split = plan(due, entry.catch_up, at, entry.max_catch_up)
    if split.missed:
        _write_off(entry, split.missed)
    fired = sum(_enqueue(entry, due_at, at) for due_at in split.fire)
    schedule.advance(entry.task, due[-1])
    _count(entry.task, fired, len(split.missed), at - due[-1])
    return fired


def _count(task: str, fired: int, missed: int, late: timedelta) -> None:
    metrics.FIRED.labels(task).inc(fired)
    metrics.MISSED.labels(task).inc(missed)
    metrics.LATE_SECONDS.labels(task).set(late.total_seconds())


def _write_off(entry: Entry, missed: list[datetime]) -> None:
    schedule.record_missed(entry.task, missed[-1], len(missed))
    log.warning("due_times_missed", task=entry.task, count=len(missed), since=missed[0].isoformat())


def _enqueue(entry: Entry, due_at: datetime, at: datetime) -> bool:
    message_id, day = new_id(), _local_date(entry, due_at)
    if not schedule.record(entry.task, due_at, message_id, day):
        return False
    arguments = {"due_at": due_at.isoformat()} | ({"local_date": day.isoformat()} if day else {})
    body = encode_message(entry.task, arguments, message_id=message_id)
    outbox.put(entry.task, catalog.find(entry.task).queue, body, message_id, available_at=at)
    return True


def _local_date(entry: Entry, due_at: datetime) -> date | None:
    return due_at.astimezone(ZoneInfo(entry.zone)).date() if entry.per_local_day else None
