"""Ad servers that go quiet are reported, and batches that can never come again are forgotten; on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker
from structlog.testing import capture_logs

from config.ids import new_id
from core.ads import impression_servers
from models import incidents
from models.database import fetch
from models.impressions import BatchRow, add_batch
from tests.conftest import SettingsEnv
from worker.broker import load_actors

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def noon(database: Any) -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


def came(server: str, *, at: datetime = NOON, day: date = TODAY) -> None:
    assert add_batch(BatchRow(new_id(), server, day, 1, 0, "digest"), at)


def test_a_server_is_silent_after_an_hour_and_forgotten_after_a_week() -> None:
    came("ad-1", at=NOON - timedelta(hours=3))
    came("ad-1")
    assert impression_servers.silent_servers(NOON + timedelta(minutes=60)) == []
    (found,) = impression_servers.silent_servers(NOON + timedelta(minutes=61))
    assert (found.server, found.last_at, found.minutes) == ("ad-1", NOON, 61)
    assert impression_servers.silent_servers(NOON + timedelta(days=7, minutes=1)) == []


def test_the_patience_is_a_setting(settings_env: SettingsEnv) -> None:
    came("ad-1", at=NOON - timedelta(minutes=20))
    assert impression_servers.silent_servers() == []
    settings_env(IMPRESSION_SILENCE_MIN="15")
    assert [item.server for item in impression_servers.silent_servers()] == ["ad-1"]


def test_the_task_tells_an_operator_of_each_silent_server(stub_broker: StubBroker) -> None:
    for server in ("ad-1", "ad-2"):
        came(server, at=NOON - timedelta(hours=2))
    came("ad-3")
    with capture_logs() as logs:
        assert load_actors()["check_impression_servers"].fn() == 2
    told = [(entry["log_level"], entry["server"]) for entry in logs if entry["event"] == "impression_server_silent"]
    assert told == [("error", "ad-1"), ("error", "ad-2")]
    assert [row.key for row in incidents.open_ones(10)] == ["ad-1", "ad-2"]
    came("ad-1")
    assert load_actors()["check_impression_servers"].fn() == 1
    assert [row.key for row in incidents.open_ones(10)] == ["ad-2"]


def test_batches_are_forgotten_a_month_after_their_day_has_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.impressions._STEP", 2)
    for age in (0, 60, 90, 91, 92, 93, 94):
        came("ad-1", day=TODAY - timedelta(days=age))
    assert [impression_servers.forget_old() for _ in range(2)] == [4, 0]
    assert fetch("select count(*) from impression_batch") == [(3,)]
