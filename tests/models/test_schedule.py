"""Rows of the schedule: seeding, locking, pausing, recording."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config import catalog, clock
from config.ids import new_id
from models import schedule
from models.database import execute, fetch
from models.fields import bind, instant

TASK = "clean_ip_blacklist"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def seeded(database: Any) -> None:
    schedule.seed(catalog.periodic())


def entry(task: str = TASK) -> schedule.Entry:
    return next(row for row in schedule.entries() if row.task == task)


def test_every_periodic_task_has_a_row_with_the_policy_of_the_catalog() -> None:
    policies = {row.task: row.catch_up for row in schedule.entries()}
    assert policies == {task.name: task.trigger.catch_up for task in catalog.periodic() if task.trigger}


def test_a_new_row_starts_now() -> None:
    assert abs(entry().last_due_at - clock.now()) < timedelta(minutes=1)


def test_the_shared_clock_is_aware() -> None:
    assert schedule.database_now().utcoffset() == timedelta(0)


def test_a_due_time_is_recorded_once() -> None:
    assert schedule.record(TASK, NOON, new_id())
    assert not schedule.record(TASK, NOON, new_id())
    assert schedule.record(TASK, NOON + timedelta(hours=1), new_id())


def test_a_local_day_is_recorded_once() -> None:
    day = date(2026, 5, 1)
    assert schedule.record(TASK, NOON, new_id(), day)
    assert not schedule.record(TASK, NOON + timedelta(hours=1), new_id(), day)


def test_a_paused_row_cannot_be_locked_and_says_why() -> None:
    assert schedule.pause(TASK, "ann", "maintenance")
    assert schedule.lock(TASK) is None
    assert fetch("select paused_by, paused_reason from schedule where task = %s", (TASK,)) == [("ann", "maintenance")]


def test_pausing_twice_says_so() -> None:
    assert schedule.pause(TASK, "ann", "maintenance")
    assert not schedule.pause(TASK, "bob", "again")


def test_resuming_starts_from_now_and_forgets_the_reason() -> None:
    execute("update schedule set last_due_at = %s", (bind(NOON - timedelta(days=400)),))
    schedule.pause(TASK, "ann", "maintenance")
    assert schedule.resume(TASK)
    assert not schedule.resume(TASK)
    assert entry().enabled
    assert abs(entry().last_due_at - clock.now()) < timedelta(minutes=1)
    assert fetch("select paused_by, paused_reason from schedule where task = %s", (TASK,)) == [(None, None)]


def test_each_change_by_an_operator_is_a_new_version() -> None:
    schedule.edit(TASK, "every 60")
    assert entry().version == 1
    schedule.pause(TASK, "ann", "maintenance")
    assert entry().version == 2


def test_an_unknown_task_is_neither_edited_nor_paused_nor_resumed() -> None:
    assert not schedule.edit("nothing", None)
    assert not schedule.pause("nothing", "ann", "why")
    assert not schedule.resume("nothing")


def test_a_heartbeat_is_one_row_per_instance() -> None:
    schedule.beat("one", NOON)
    schedule.beat("one", NOON + timedelta(hours=1))
    ((started,),) = fetch("select started_at from scheduler_heartbeat")
    assert instant(started) == NOON + timedelta(hours=1)
