"""AdLoad refuses our key: no click is lost, the pause is on record, people hear of it once and of its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import admission, pending_clicks
from core.ads.drivers import driver
from models import incidents, pauses
from models.database import DATABASE_DOWN
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.ads.stage import Stage, build, outcomes

LATER = timedelta(minutes=6)


@pytest.fixture
def stage(database: Any, sandbox: Sandbox, settings_env: SettingsEnv) -> Stage:
    """A stage whose AdLoad takes no key but `right`, and gets another one."""
    sandbox.edit("adload", "settings", token="right")
    speak(sandbox, settings_env, "wrong")
    return build()


def speak(sandbox: Sandbox, settings_env: SettingsEnv, token: str) -> None:
    """Go on as a process that was started with this key."""
    settings_env(ADLOAD_DRIVER="http", ADLOAD_URL=sandbox.adload_url, ADLOAD_TOKEN=token, ADLOAD_TIMEOUT_MS="5000")


def told() -> list[tuple[str, str, str, int]]:
    return [(row.kind, row.key, row.severity, row.count) for row in incidents.open_ones(10)]


def test_a_refused_key_is_one_pause_and_one_incident_however_many_meet_it(
    stage: Stage, sandbox: Sandbox, settings_env: SettingsEnv
) -> None:
    clicks = [stage.click(number, ip=f"198.51.100.{number}") for number in range(2)]
    admission.admit(clicks[:1], driver())
    speak(sandbox, settings_env, "wrong")
    admission.admit(clicks[1:], driver())
    assert outcomes(clicks) == ["pending", "pending"]
    assert [pause.service for pause in pauses.every()] == ["adload"]
    assert told() == [("integration_paused", "adload", "critical", 1)]


def test_a_key_that_is_taken_again_ends_both_and_charges_what_waited(
    stage: Stage, sandbox: Sandbox, settings_env: SettingsEnv
) -> None:
    click = stage.click()
    admission.admit([click], driver())
    speak(sandbox, settings_env, "right")
    with time_machine.travel(now() + LATER, tick=True):
        pending_clicks.finish(driver())
    assert (outcomes([click]), pauses.every(), told()) == (["done"], [], [])


def test_what_a_database_could_not_take_down_is_told_at_the_next_occasion(
    stage: Stage, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, add = stage.campaign.guid, pauses.add

    def down(*_: Any) -> bool:
        raise DATABASE_DOWN[0]("gone")

    monkeypatch.setattr(pauses, "add", down)
    with pytest.raises(Exception, match="401"):
        driver().get_campaign(campaign)
    assert (pauses.every(), told()) == ([], [])
    monkeypatch.setattr(pauses, "add", add)
    with pytest.raises(Exception, match="401"):
        driver().probe()
    assert [row[:2] for row in told()] == [("integration_paused", "adload")]
