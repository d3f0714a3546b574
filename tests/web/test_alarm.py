"""A click that could be handed over in no way reaches people, once, when the database takes it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from core.ads import lost_clicks
from models import announcements, incidents
from models.database import DATABASE_DOWN
from tests.conftest import SettingsEnv
from tests.eventually import eventually
from tests.web.fakes import Database, FakePublisher
from tests.web.visits import link, redirect
from web import alarm
from worker.ads.dead_letters import report_dead_letters


def told() -> list[tuple[str, str, str]]:
    return [(row.kind, row.severity, str(row.payload["happened"])[:2]) for row in incidents.open_ones(10)]


def test_a_click_that_neither_broker_nor_database_nor_disk_took_is_a_critical_incident(
    settings_env: SettingsEnv, database: Any, stub_broker: StubBroker
) -> None:
    settings = settings_env(SPOOL_DIR="off", SYNC_BUDGET_MS="100")
    with redirect(settings, FakePublisher(confirms=False), Database(down=True)) as here:
        here.intake.alarm.start()
        assert here.visit(link("https://shop.example/"))["Location"].startswith("https://shop.example/")
        eventually(lambda: told() == [("clicks_not_accepted", "critical", "1 ")])
    later = now() + timedelta(minutes=1)
    assert len(announcements.due(later, later, 10)) == 1
    report_dead_letters()
    assert len(told()) == 1
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        report_dead_letters()
    assert told() == []


def test_clicks_lost_while_the_database_is_down_are_told_together_when_it_is_back(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    tell = lost_clicks.tell

    def failing(clicks: int) -> None:
        asked.append(clicks)
        if len(asked) < 3:
            raise DATABASE_DOWN[0]("gone")
        tell(clicks)

    monkeypatch.setattr(lost_clicks, "tell", failing)
    monkeypatch.setattr(alarm, "EVERY_SECONDS", 0.01)
    bell = alarm.Alarm()
    for _ in range(12):
        bell.sound()
    bell.start()
    eventually(lambda: told() == [("clicks_not_accepted", "critical", "12")])
    bell.stop()
    assert asked == [12, 12, 12]


def test_while_no_click_is_lost_nobody_is_told_and_no_connection_is_kept(database: Any) -> None:
    bell = alarm.Alarm()
    bell.start()
    bell.stop()
    assert told() == []


def test_two_clicks_that_are_lost_at_once_are_told(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bell = alarm.Alarm()
    bell.start()

    class Handover:
        """A lock that is taken by a second visitor as soon as the first has let it go."""

        def __init__(self) -> None:
            self.lock, self.others = threading.Lock(), 1

        def __enter__(self) -> None:
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()
            if self.others:
                self.others = 0
                bell.sound()

    monkeypatch.setattr(bell, "_lock", Handover())
    bell.sound()
    eventually(lambda: told() == [("clicks_not_accepted", "critical", "2 ")])
    bell.stop()
