"""The timer process: several at once, frozen, ended, with a clock that jumps back and rows that operators change."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from config import catalog, clock
from models import schedule
from models.database import execute, fetch
from models.migrate import SchemaError
from scheduler import process
from scheduler.clock import Interval
from scheduler.process import Pulse, Timer
from tests.conftest import REQUIRED, SettingsEnv

TICK = "finish_pending_clicks"

SCHEDULER = """
from config.settings import get_settings
from scheduler import process
process.FROZEN_AFTER_MS = 500
{extra}
process.run(get_settings())
"""
FREEZES_INSIDE_A_TICK = """
import os, signal
from models import schedule
advance = schedule.advance
def frozen(*values):
    os.kill(os.getpid(), signal.SIGSTOP)
    advance(*values)
schedule.advance = frozen
"""


@contextmanager
def schedulers(url: str, count: int = 1, extra: str = "") -> Iterator[list[subprocess.Popen[bytes]]]:
    """Scheduler processes on this database."""
    environment = {**os.environ, **REQUIRED, "DATABASE_URL": url}
    command = [sys.executable, "-c", SCHEDULER.format(extra=extra)]
    processes = [subprocess.Popen(command, env=environment, cwd=os.getcwd()) for _ in range(count)]
    try:
        yield processes
    finally:
        for each in processes:
            each.kill()
            each.wait()


def eventually(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def every_second() -> None:
    schedule.seed(catalog.periodic())
    execute("update schedule set enabled = (task = %s), spec = 'every 1', catch_up = 'all'", (TICK,))


def due_times() -> list[datetime]:
    rows = fetch("select due_at from schedule_run where task = %s and state = 'enqueued' order by due_at", (TICK,))
    return [row[0] if isinstance(row[0], datetime) else datetime.fromisoformat(row[0]) for row in rows]


def gapless(times: list[datetime]) -> bool:
    return all(later - earlier == timedelta(seconds=1) for earlier, later in pairwise(times))


def test_the_timer_library_is_not_louder_than_everybody_else(database: Any) -> None:
    root, library = logging.getLogger(), logging.getLogger("apscheduler")
    before = root.level, library.level
    try:
        levels = [_library_level(level) for level in ("INFO", "ERROR")]
    finally:
        root.setLevel(before[0])
        library.setLevel(before[1])
    assert levels == ["WARNING", "ERROR"]


def _library_level(own: str) -> str:
    logging.getLogger().setLevel(own)
    process._prepare(BackgroundScheduler())
    return logging.getLevelName(logging.getLogger("apscheduler").level)


def one_message_each(table: str) -> bool:
    """Whether there are as many messages as runs, at one moment: the commit of a killed scheduler may still come."""
    runs = "select count(*) from schedule_run where task = %s and state = 'enqueued'"
    ((messages, fired),) = fetch(f"select (select count(*) from {table}), ({runs})", (TICK,))
    return bool(messages == fired)


@pytest.mark.parametrize("count", [2, 5])
def test_several_schedulers_fire_every_due_time_once(database: Any, database_url: str, count: int) -> None:
    every_second()
    with schedulers(database_url, count):
        eventually(lambda: len(fetch("select instance from scheduler_heartbeat")) == count)
        enough = len(due_times()) + 3
        eventually(lambda: len(due_times()) >= enough)
    table = "outbox" if "postgresql" in database_url else "queue_message"
    assert gapless(due_times())
    assert one_message_each(table)


def test_a_scheduler_frozen_inside_a_tick_does_not_stop_the_others(
    postgres_database: Any, migrated_postgres_url: str
) -> None:
    every_second()
    with schedulers(migrated_postgres_url, extra=FREEZES_INSIDE_A_TICK) as frozen:
        eventually(lambda: _is_stopped(frozen[0].pid))
        assert due_times() == []
        with schedulers(migrated_postgres_url):
            eventually(lambda: len(due_times()) >= 2)
            frozen[0].send_signal(signal.SIGCONT)
            enough = len(due_times()) + 2
            eventually(lambda: len(due_times()) >= enough)
    assert gapless(due_times())
    assert one_message_each("outbox")


def _is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_scheduler_in_order(database: Any, database_url: str, number: signal.Signals) -> None:
    with schedulers(database_url) as processes:
        eventually(lambda: fetch("select count(*) from scheduler_heartbeat")[0][0] == 1)
        processes[0].send_signal(number)
        assert processes[0].wait(60) == 0


@contextmanager
def background() -> Iterator[Pulse]:
    """The timer inside this process."""
    pulse = process.start_background()
    try:
        yield pulse
    finally:
        pulse.stop()
        pulse.join(60)
        assert not pulse.is_alive()


def test_the_timer_beside_other_work_fires_too(database: Any) -> None:
    every_second()
    with background():
        eventually(lambda: len(due_times()) >= 2)


def test_an_operator_edit_is_picked_up_while_running(database: Any) -> None:
    every_second()
    execute("update schedule set spec = null")
    with background():
        eventually(lambda: fetch("select count(*) from scheduler_heartbeat")[0][0] == 1)
        schedule.edit(TICK, "every 1")
        eventually(lambda: len(due_times()) >= 2)


def test_a_row_with_an_unreadable_spec_does_not_stop_the_others(database: Any) -> None:
    every_second()
    execute("update schedule set enabled = %s, spec = 'nonsense' where task = 'clean_ip_blacklist'", (True,))
    with background():
        eventually(lambda: len(due_times()) >= 2)


def test_a_database_that_is_gone_for_a_moment_is_awaited(postgres_server: Any, postgres_database: Any) -> None:
    every_second()
    with background():
        eventually(lambda: len(due_times()) >= 1)
        fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        enough = len(due_times()) + 2
        eventually(lambda: len(due_times()) >= enough)
    assert gapless(due_times())


def test_heartbeats_of_the_long_gone_are_dropped(database: Any) -> None:
    schedule.beat("old", clock.now())
    execute("update scheduler_heartbeat set seen_at = '2020-01-01T00:00:00.000000Z'")
    with background():
        eventually(lambda: fetch("select count(*) from scheduler_heartbeat where instance <> 'old'")[0][0] == 1)
    assert fetch("select count(*) from scheduler_heartbeat where instance = 'old'")[0][0] == 0


def test_without_a_relay_the_timer_forgets_old_rows(database: Any) -> None:
    execute("insert into task_run (task, started_at) values ('a', '2020-01-01T00:00:00.000000Z')")
    with background():
        eventually(lambda: fetch("select count(*) from task_run")[0][0] == 0)


def test_a_database_that_is_not_migrated_is_refused(settings_env: SettingsEnv, empty_database_url: str) -> None:
    with pytest.raises(SchemaError, match="signalbox migrate"):
        process.run(settings_env(DATABASE_URL=empty_database_url))


def test_a_clock_set_back_does_not_make_the_timer_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start(paused=True)
    try:
        job = scheduler.add_job(print, Interval(1))
        ahead = clock.now() + timedelta(minutes=10)
        job.modify(next_run_time=ahead)
        pulse = Pulse(Timer(scheduler), scheduler)
        pulse.look(ahead)
        pulse.look(clock.now())
        assert scheduler.get_job(job.id).next_run_time < datetime.now(UTC) + timedelta(seconds=5)
    finally:
        scheduler.shutdown()
