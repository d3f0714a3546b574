"""The task of the statistics: by both of its names, and what it reports."""

from __future__ import annotations

from typing import Any

from config import catalog
from config.clock import now, today
from models.click_writes import mark_days
from models.database import execute, fetch
from models.fields import bind
from tests.core.ads import stage
from worker.ads import stats


def test_the_task_is_found_by_both_of_its_names() -> None:
    task = catalog.find("agregate_stats")
    assert task is catalog.find("aggregate_stats")
    assert (task.queue, task.seconds, task.lease, task.retry.times) == ("reporting", 1500, 1500, 1)


def test_the_task_computes_today_and_yesterday_and_says_how_many_days_that_were(sqlite_database: Any) -> None:
    here = stage.build()
    stage.local(here.click())
    assert stats.aggregate_stats.fn() == 2
    assert fetch("select sum(clicks) from stats_overall_by_date") == [(1,)]


def test_a_day_that_is_archived_is_not_among_them(sqlite_database: Any) -> None:
    old = today().replace(year=today().year - 1, day=1)
    text = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', 'archived', 1, %s)"
    execute(text, (bind(old), str(old)))
    mark_days([old], today(), now())
    assert stats.aggregate_stats.fn() == 2
    assert fetch("select * from stats_dirty_day") == []
