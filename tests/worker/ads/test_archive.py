"""The nightly tasks about old days: the chain of the archive, and what each says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from dramatiq import Worker
from structlog.testing import capture_logs

from config.clock import now
from models import incidents
from models.archive import ArchiveInUse, store
from models.database import execute, fetch
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago
from tests.eventually import eventually
from tests.worker.postroom import bound
from worker import runs
from worker.ads import archive
from worker.ads.archive import archive_old_stats, drop_old_rejections, erase_old_addresses
from worker.embedded import SqliteBroker
from worker.process import await_threads


@pytest.fixture
def broker(sqlite_database: Any, settings_env: SettingsEnv) -> Iterator[SqliteBroker]:
    with bound(settings_env()) as made:
        assert isinstance(made, SqliteBroker)
        yield made


@pytest.fixture
def working(broker: SqliteBroker) -> Iterator[None]:
    worker = Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    await_threads(worker)
    yield
    worker.stop(10_000)


def live_days() -> list[str]:
    return sorted(str(day) for (day,) in fetch("select distinct click_day from click"))


@pytest.mark.parametrize("soon", [2.0, 0.0], ids=["usual delay", "no delay"])
def test_one_message_archives_every_day_that_is_due_a_day_at_a_time(
    broker: SqliteBroker, working: None, monkeypatch: pytest.MonkeyPatch, soon: float
) -> None:
    monkeypatch.setattr(archive, "NEXT", timedelta(seconds=soon / 10))
    monkeypatch.setattr(runs, "FOLLOW_SECONDS", 0.05)
    old_days.make(64, 63, 62, 61, 60)
    archive_old_stats.send()
    eventually(lambda: live_days() == [str(days_ago(60))], what="every day has left")
    eventually(lambda: fetch("select count(*) from queue_message") == [(0,)], what="the queue is empty")
    runs_done = fetch("select result from task_run where task = 'archive_old_stats'")
    assert runs_done == [("done",)] * 4


def test_a_follow_up_that_meets_the_lease_of_its_own_run_waits_and_is_not_skipped(
    broker: SqliteBroker, working: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "FOLLOW_SECONDS", 0.05)
    old_days.make(61)
    execute(
        "insert into task_lease (task, holder, expires_at) values ('archive_old_stats', 'm-1/host-1', %s)",
        (bind(now() + timedelta(hours=1)),),
    )
    archive_old_stats.send_with_options(follows="m-1")
    tried = "select 1 from queue_message where cast(body as text) like '%\"attempt\":%'"
    eventually(lambda: fetch(tried), what="a second attempt")
    assert live_days() == [str(days_ago(61))]
    execute("delete from task_lease")
    eventually(lambda: live_days() == [], what="the day has left")


def test_a_day_that_stays_is_told_as_an_error_and_does_not_stop_the_chain(broker: SqliteBroker, working: None) -> None:
    old_days.make(62)
    execute("update stats_daily_adv set clicks = 9")
    old_days.make(61)
    with capture_logs() as said:
        archive_old_stats.send()
        eventually(lambda: live_days() == [str(days_ago(62))], what="the other day has left")
    told = [line for line in said if line["event"] == "day_not_archived"]
    assert [(line["log_level"], line["day"], line["differences"]) for line in told] == [
        ("error", str(days_ago(62)), {"clicks": (6, 9)})
    ]
    assert [(row.kind, row.key) for row in incidents.open_ones(10)] == [("day_not_archived", str(days_ago(62)))]


def test_no_day_due_ends_the_chain(broker: SqliteBroker) -> None:
    old_days.make(60)
    assert archive_old_stats() == 0
    assert fetch("select count(*) from queue_message") == [(0,)]


def test_the_message_names_the_last_day_only(broker: SqliteBroker) -> None:
    old_days.make(62, 61)
    assert archive_old_stats() == 14
    assert fetch("select dedupe_key from queue_message") == [(f"archive:{days_ago(62)}",)]


def test_while_somebody_is_at_the_archive_the_tasks_fail_and_are_tried_again(broker: SqliteBroker) -> None:
    with store().session():
        for task in (archive_old_stats, erase_old_addresses, drop_old_rejections):
            with pytest.raises(ArchiveInUse):
                task()


def test_erasing_and_dropping_say_how_much(database: Any) -> None:
    old_days.make(91, errors=())
    assert erase_old_addresses() == old_days.PER_DAY
    assert drop_old_rejections() in (0, 1)
