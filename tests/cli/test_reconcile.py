"""The command that compares with AdLoad, and its task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker
from structlog.testing import capture_logs

from cli.main import run
from config.clock import now, today
from models.ads import Click
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from worker.ads.reconciliation import reconcile_adload


@pytest.fixture
def counted(database: Any) -> stage.Stage:
    """Three clicks of a day that is over for the commands."""
    with time_machine.travel(now().replace(hour=12, minute=0), tick=False):
        here = stage.build()
        stage.local(*(here.click(number, at=number * stage.SECOND) for number in range(3)))
    return here


def test_equal_sides_are_shown_and_nothing_is_wrong(counted: stage.Stage, capsys: pytest.CaptureFixture[str]) -> None:
    day = str(today())
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        assert run(["reconcile", "--json"]) == 0
    document = orjson.loads(capsys.readouterr().out)
    assert (document["schema"], document["day"], document["differing"]) == ("signalbox.reconcile/1", day, 0)
    assert document["items"] == [
        {"campaign": counted.campaign.id, "clicks_here": 3, "clicks_there": 3, "cost_here": "0.15",
         "cost_there": "0.15", "differs": False},
    ]  # fmt: skip


def test_a_difference_is_exit_code_4_and_one_alarm_of_the_task(
    counted: stage.Stage, stub_broker: StubBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    day = str(today())
    Click.update(state="void").execute()
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        assert run(["reconcile", "--day", day]) == 4
        said = capsys.readouterr()
        with capture_logs() as logged:
            reconcile_adload()
    [alarm] = [line for line in logged if line["log_level"] == "error"]
    assert (alarm["event"], alarm["day"], alarm["campaigns"]) == ("adload_totals_differ", day, [counted.campaign.id])
    assert "yes" in said.out
    assert "adload_totals_differ" not in said.err


def test_a_bad_day_is_refused(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "--day", "yesterday"]) == 2
    assert run(["reconcile", "--day", str(today())]) == 2
    assert "not over" in capsys.readouterr().err


def test_a_driver_without_sums_is_said_and_no_failure_of_the_task(
    database: Any, settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env(ADLOAD_DRIVER="xmlrpc", ADLOAD_URL="http://127.0.0.1:1")
    assert run(["reconcile"]) == 2
    with capture_logs() as logged:
        assert reconcile_adload() == 0
    assert [line["event"] for line in logged] == ["adload_not_reconciled"]
