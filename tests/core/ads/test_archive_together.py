"""Several at the archive at once, clicks meanwhile, and processes that are killed on the way."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.settings import environment, get_settings
from core.ads import archive
from models import archive_postgres, archive_sqlite
from models.archive import ArchiveInUse, decide
from models.database import disconnect, ensure_connection, execute, fetch
from models.partitions import keep_ahead
from tests.core.ads import old_days, stage
from tests.core.ads.old_days import days_ago
from tests.core.ads.test_archive import run
from tests.eventually import eventually

ROOT = Path(__file__).parents[3]


def in_thread(work: Callable[[], object]) -> bool:
    """Do the work on a connection of this thread's own; False when somebody else was at it."""
    ensure_connection()
    try:
        work()
    except ArchiveInUse:
        return False
    finally:
        disconnect()
    return True


@contextmanager
def another_connection() -> Iterator[Any]:
    connection = psycopg2.connect(get_settings().database_dsn)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def undisturbed() -> str:
    """The state after a run that nobody disturbs; the day is back in its place afterwards."""
    run()
    state = old_days.state()
    archive.restore(days_ago(61), "test")
    execute("delete from archived_day")
    return state


def test_acceptance_12_two_runs_at_once_do_what_one_does(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_sqlite, "BATCH", 2)
    old_days.make(61, 60)
    expected = undisturbed()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(in_thread, [run] * 4))
    assert any(done)
    assert old_days.state() == expected


def test_two_that_detach_the_same_day_without_knowing_of_each_other_do_no_harm(
    postgres_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_postgres, "PAUSE_SECONDS", 0.05)
    old_days.make(61)
    with ThreadPoolExecutor(3) as pool:
        moves = [lambda: archive_postgres.move("click", days_ago(61))] * 3
        assert all(pool.map(in_thread, moves))
    assert archive_postgres.totals("click", days_ago(61)).rows == old_days.PER_DAY


def test_an_open_transaction_on_todays_clicks_goes_on_and_so_do_new_clicks_while_a_day_leaves(
    postgres_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_postgres, "LOCK_WAIT", "200ms")
    monkeypatch.setattr(archive_postgres, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(archive_postgres, "TRIES", 1000)
    old_days.make(61)
    keep_ahead()
    with another_connection() as reader, another_connection() as writer, ThreadPoolExecutor(1) as pool:
        writer.execute("set statement_timeout = '30s'")
        reader.execute("select count(*) from click where click_day = current_date")
        archiving = pool.submit(in_thread, run)
        eventually(lambda: fetch("select 1 from pg_inherits where inhdetachpending"), what="detaching")
        reader.execute("select count(*) from click where click_day = current_date")
        writer.execute("insert into stats_dirty_day values (current_date, now(), 1)")
        writer.execute(_CLICK)
        writer.connection.commit()
        reader.execute("select count(*) from click where click_day = current_date")
        assert reader.fetchone() == (1,)
        assert not archiving.done()
        reader.connection.rollback()
        assert archiving.result(60)
    assert len(old_days.archived()["click"]) == old_days.PER_DAY
    assert len(old_days.live("click")["click"]) == 1


_CLICK = """
insert into click (click_day, click_id, clicked_at, offer_id, campaign_id, informer_id, account_id, url, state,
    is_unique, is_social, view_ms, created_at)
values (current_date, gen_random_uuid(), now(), 1, 1, 7, 1, 'https://shop.example/', 'pending', true, false, 1, now())
"""


def test_a_detaching_that_was_cut_short_is_finished_by_the_next_run(postgres_database: Any) -> None:
    old_days.make(61)
    name = f"click_{days_ago(61):%Y%m%d}"
    decide([("click", days_ago(61))])
    with another_connection() as reader, another_connection() as other:
        reader.execute("select count(*) from click where click_day = current_date")
        other.connection.rollback()
        other.connection.autocommit = True
        other.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            other.execute(f"alter table click detach partition {name} concurrently")
    assert fetch("select count(*) from pg_inherits where inhdetachpending") == [(1,)]
    run()
    assert old_days.live("click")["click"] == []
    assert len(old_days.archived()["click"]) == old_days.PER_DAY


class Child:
    """A process that archives, statement by statement."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.core.ads.archiving_child"],
            cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run_until(self, statement: int) -> bool:
        """Let it run that many statements, the last of which it has begun; False when it has fewer."""
        assert self.process.stdin
        assert self.process.stdout
        for _ in range(statement):
            if self.process.stdout.readline().strip() != "statement":
                return False
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("step", [3, 7])
def test_acceptance_12_a_run_killed_at_any_moment_is_finished_by_the_next(database: Any, step: int) -> None:
    old_days.make(61, 60)
    expected = undisturbed()
    statement, alive = step, True
    while alive:
        child = Child()
        alive = child.run_until(statement)
        child.kill()
        statement += step * 4
        eventually(lambda: in_thread_here(run), what="the archive is free")
        assert old_days.state() == expected, f"killed at statement {statement}"
        archive.restore(days_ago(61), "test")
        execute("delete from archived_day")
    assert statement > 8 * step


def in_thread_here(work: Callable[[], object]) -> bool:
    """The same on this thread's connection."""
    try:
        work()
    except ArchiveInUse:
        return False
    return True


def test_clicks_that_come_while_a_day_leaves_are_kept(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_sqlite, "BATCH", 20)
    here = stage.build()
    old_days.make(61, clicks=100)
    keep_ahead()
    stop = threading.Event()

    def clicking() -> int:
        count = 0
        while not stop.is_set() or not count:
            stage.local(here.click(count % 5, ip=stage.ip(count)))
            count += 1
        return count

    counted: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        clicks = pool.submit(in_thread, lambda: counted.append(clicking()))
        try:
            run()
        finally:
            stop.set()
        assert clicks.result(60)
    assert len(old_days.live("click")["click"]) == counted[0]
    assert len(old_days.archived()["click"]) == 100
