"""What is due becomes one message, whatever happens to schedulers, clocks and rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from config import catalog
from config.catalog import CatchUp
from models import outbox, schedule
from models.database import execute, fetch, is_postgres
from models.fields import bind, instant
from models.runtime import RunState
from scheduler import firing
from scheduler.firing import fire_due, plan
from tests.together import together

TICK = "finish_pending_clicks"
DAILY = "clean_ip_blacklist"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
Clock = Callable[[datetime], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the database's clock."""

    def turn_to(at: datetime) -> None:
        monkeypatch.setattr(schedule, "database_now", lambda: at)

    turn_to(NOON)
    return turn_to


@pytest.fixture
def seeded(database: Any, clock: Clock) -> Clock:
    """A schedule whose tasks are first seen at noon; call it to set the clock."""
    schedule.seed(catalog.periodic())
    return clock


def runs(task: str) -> list[tuple[datetime, str, int]]:
    rows = fetch("select due_at, state, missed_count from schedule_run where task = %s order by due_at", (task,))
    return [(instant(due_at), state, count) for due_at, state, count in rows]


def bodies() -> list[dict[str, Any]]:
    table = "outbox" if is_postgres() else "queue_message"
    rows = fetch(f"select body from {table} order by id")
    return [orjson.loads(bytes(body)) for (body,) in rows]


def due_texts() -> list[str]:
    return [body["kwargs"]["due_at"] for body in bodies()]


def test_a_task_seen_for_the_first_time_does_not_fire_for_the_past(seeded: Clock) -> None:
    assert fire_due(TICK) == 0
    assert bodies() == []


def test_a_due_task_becomes_a_message_named_by_the_catalog(seeded: Clock) -> None:
    seeded(NOON + timedelta(seconds=61))
    assert fire_due(TICK) == 1
    (body,) = bodies()
    assert (body["actor_name"], body["queue_name"]) == (TICK, "clicks")
    assert body["kwargs"] == {"due_at": "2026-05-01T12:01:00+00:00"}


def test_the_run_remembers_the_message(seeded: Clock) -> None:
    seeded(NOON + timedelta(seconds=61))
    fire_due(TICK)
    ((message_id,),) = fetch("select message_id from schedule_run")
    assert str(message_id) == bodies()[0]["message_id"]


def test_the_message_may_be_taken_at_once(seeded: Clock) -> None:
    seeded(NOON + timedelta(seconds=61))
    fire_due(TICK)
    table = "outbox" if is_postgres() else "queue_message"
    assert instant(fetch(f"select available_at from {table}")[0][0]) == NOON + timedelta(seconds=61)


def test_asking_twice_fires_once(seeded: Clock) -> None:
    seeded(NOON + timedelta(seconds=61))
    assert [fire_due(TICK), fire_due(TICK)] == [1, 0]


def test_a_clock_set_back_repeats_nothing_and_then_goes_on(seeded: Clock) -> None:
    fired = []
    for minutes in (1, 2, -8, -7, 1, 2, 3):
        seeded(NOON + timedelta(minutes=minutes, seconds=1))
        fired.append(fire_due(TICK))
    assert fired == [1, 1, 0, 0, 0, 0, 1]


def test_a_crash_between_insert_and_commit_leaves_the_due_time_to_the_next_scheduler(
    seeded: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    seeded(NOON + timedelta(seconds=61))
    with monkeypatch.context() as patched:
        patched.setattr(schedule, "advance", crash)
        with pytest.raises(KeyboardInterrupt):
            fire_due(TICK)
    assert bodies() == []
    assert fire_due(TICK) == 1


def test_a_lost_bookmark_does_not_repeat_what_ran(seeded: Clock) -> None:
    seeded(NOON + timedelta(seconds=61))
    fire_due(TICK)
    execute("update schedule set last_due_at = %s", (bind(NOON),))
    assert fire_due(TICK) == 0
    assert len(bodies()) == 1


@pytest.mark.parametrize("hours", [3, 6])
@pytest.mark.parametrize(
    ("policy", "limit", "fired"), [("skip", 100, 0), ("latest", 100, 1), ("all", 100, None), ("all", 10, 10)]
)
def test_after_a_downtime_the_policy_decides(
    seeded: Clock, hours: int, policy: str, limit: int, fired: int | None
) -> None:
    execute("update schedule set catch_up = %s, max_catch_up = %s, spec = %s", (policy, limit, "every 600"))
    seeded(NOON + timedelta(hours=hours, minutes=5))
    due = hours * 6
    wanted = due if fired is None else fired
    assert fire_due(TICK) == wanted
    missed = [(at, count) for at, state, count in runs(TICK) if state == RunState.MISSED]
    last_missed = NOON + timedelta(hours=hours) - timedelta(minutes=10 * wanted)
    assert missed == ([(last_missed, due - wanted)] if due > wanted else [])


def test_after_a_downtime_a_tick_that_is_due_right_now_still_runs(seeded: Clock) -> None:
    seeded(NOON + timedelta(hours=3, seconds=20))
    assert fire_due(TICK) == 1
    assert due_texts() == ["2026-05-01T15:00:00+00:00"]
    assert runs(TICK)[0] == (NOON + timedelta(minutes=179), "missed", 179)


def test_missed_times_are_counted_once(seeded: Clock) -> None:
    seeded(NOON + timedelta(hours=3, seconds=20))
    fire_due(TICK)
    seeded(NOON + timedelta(hours=3, seconds=80))
    fire_due(TICK)
    assert [state for _, state, _ in runs(TICK)] == ["missed", "enqueued", "enqueued"]


def test_all_runs_in_order_of_due_time(seeded: Clock) -> None:
    execute("update schedule set catch_up = 'all'")
    seeded(NOON + timedelta(minutes=3))
    fire_due(TICK)
    assert due_texts() == [f"2026-05-01T12:0{minute}:00+00:00" for minute in (1, 2, 3)]


def test_a_paused_task_does_not_fire_and_does_not_catch_up(seeded: Clock) -> None:
    schedule.pause(DAILY, "ann", "maintenance")
    seeded(NOON + timedelta(days=1))
    assert fire_due(DAILY) == 0
    schedule.resume(DAILY)
    assert fire_due(DAILY) == 0
    seeded(NOON + timedelta(days=2))
    assert fire_due(DAILY) == 1


def test_an_edited_spec_counts_from_the_edit(seeded: Clock) -> None:
    seeded(NOON + timedelta(minutes=30))
    schedule.edit(DAILY, "*/10 * * * *")
    assert fire_due(DAILY) == 0
    seeded(NOON + timedelta(minutes=41))
    assert fire_due(DAILY) == 1
    assert due_texts() == ["2026-05-01T12:40:00+00:00"]


def test_a_local_day_runs_once_even_when_its_time_is_moved_later(seeded: Clock) -> None:
    execute("update schedule set per_local_day = %s, spec = %s, tz = %s", (True, "0 15 * * *", "Europe/Berlin"))
    seeded(NOON + timedelta(hours=2))
    assert fire_due(DAILY) == 1
    schedule.edit(DAILY, "0 18 * * *", "Europe/Berlin")
    seeded(NOON + timedelta(hours=5))
    assert fire_due(DAILY) == 0
    assert fetch("select local_date from schedule_run")[0][0] in (date(2026, 5, 1), "2026-05-01")


def test_a_task_per_local_day_is_told_the_day(seeded: Clock) -> None:
    execute("update schedule set per_local_day = %s, spec = %s, tz = %s", (True, "30 0 * * *", "Europe/Berlin"))
    seeded(NOON + timedelta(hours=11))
    fire_due(DAILY)
    assert bodies()[0]["kwargs"] == {"due_at": "2026-05-01T22:30:00+00:00", "local_date": "2026-05-02"}


def test_seeding_again_changes_nothing(seeded: Clock) -> None:
    schedule.edit(DAILY, "every 60")
    before = schedule.entries()
    schedule.seed(catalog.periodic())
    assert schedule.entries() == before


@pytest.mark.parametrize("schedulers", [2, 5])
def test_many_schedulers_fire_each_due_time_once(seeded: Clock, schedulers: int) -> None:
    execute("update schedule set catch_up = 'all'")
    for minute in (1, 2, 3, 5, 8):
        seeded(NOON + timedelta(minutes=minute))
        _at_the_same_time(schedulers)
    assert sorted(due_texts()) == [f"2026-05-01T12:{minute:02}:00+00:00" for minute in range(1, 9)]


def _at_the_same_time(schedulers: int) -> None:
    together(*[lambda: fire_due(TICK)] * schedulers)


def test_a_plan_without_due_times_is_empty() -> None:
    assert all(plan([], policy, NOON, 100) == firing.Plan([], []) for policy in CatchUp)


def test_the_rows_and_the_message_are_one_transaction(seeded: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no")

    seeded(NOON + timedelta(seconds=61))
    monkeypatch.setattr(outbox, "put", refuse)
    with pytest.raises(ValueError, match="no"):
        fire_due(TICK)
    assert runs(TICK) == []
