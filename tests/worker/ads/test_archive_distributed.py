"""The chain of the archive over RabbitMQ and PostgreSQL, where its messages pass through the outbox and the relay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from models.database import fetch
from tests.conftest import SettingsEnv
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago
from tests.eventually import eventually
from tests.runtime.conftest import Stage, staged
from worker import runs
from worker.ads import archive
from worker.ads.archive import archive_old_stats


@pytest.fixture
def stage(
    postgres_database: Any, rabbitmq_url: str, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with staged(settings_env(RABBITMQ_URL=rabbitmq_url), monkeypatch) as made:
        made.broker.declare_actor(archive_old_stats)
        yield made


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_one_message_archives_every_day_that_is_due_a_day_at_a_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(archive, "NEXT", timedelta(seconds=seconds))
    monkeypatch.setattr(runs, "FOLLOW_SECONDS", 0.05)
    old_days.make(64, 63, 62, 61, 60)
    archive_old_stats.send()
    stage.work(queues=("database",))

    def only_day_60() -> bool:
        stage.relay()
        return [str(day) for (day,) in fetch("select distinct click_day from click")] == [str(days_ago(60))]

    eventually(only_day_60, what="every day has left")
    done = "select count(*) from task_run where result = 'done'"
    eventually(lambda: fetch(done) == [(4,)], what="four runs")
