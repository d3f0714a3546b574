"""`signalbox doctor --live` asks Voluum and Affise whether they know us, once they are configured."""

from __future__ import annotations

from typing import Any

from cli import doctor
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv


def findings(**options: Any) -> dict[str, tuple[str, str]]:
    found = doctor.examine(**options)
    return {item.area: (item.state, item.what) for item in found if item.area in ("voluum", "affise")}


def test_both_answer_in_the_sandbox(sqlite_database: Any, settings_env: SettingsEnv, sandbox: Sandbox) -> None:
    settings_env(SANDBOX_URL=sandbox.url)
    assert findings() == {}
    assert findings(live=True) == {
        "voluum": ("ok", "voluum: session alive"),
        "affise": ("ok", "affise: key accepted"),
    }


def test_a_refused_key_is_a_finding_and_is_not_shown(
    sqlite_database: Any, settings_env: SettingsEnv, sandbox: Sandbox
) -> None:
    sandbox.edit("voluum", "settings", access_key="right")
    sandbox.edit("affise", "settings", key="right")
    settings_env(SANDBOX_URL=sandbox.url, VOLUUM_ACCESS_KEY="canary-secret", AFFISE_API_KEY="canary-secret")
    found = findings(live=True)
    assert {area: state for area, (state, _) in found.items()} == {"voluum": "x", "affise": "x"}
    assert "canary-secret" not in str(found)


def test_what_is_switched_off_is_said_and_not_asked(
    sqlite_database: Any, settings_env: SettingsEnv, sandbox: Sandbox
) -> None:
    settings_env(SANDBOX_URL=sandbox.url, VOLUUM_ENABLED="false", AFFISE_ENABLED="no", TELEGRAM_ENABLED="0")
    assert findings(live=True) == {
        "voluum": ("!", "switched off by VOLUUM_ENABLED"), "affise": ("!", "switched off by AFFISE_ENABLED"),
    }  # fmt: skip
    [remedy] = [item.remedy for item in doctor.examine() if item.area == "telegram"]
    assert remedy == "TELEGRAM_ENABLED=true"
    assert [sandbox.journal(name) for name in ("voluum", "affise", "telegram")] == [[], [], []]


def test_without_settings_nobody_is_asked(sqlite_database: Any, settings_env: SettingsEnv) -> None:
    assert findings(live=True) == {}


def test_an_adload_that_is_down_is_a_finding(sqlite_database: Any, settings_env: SettingsEnv) -> None:
    settings_env(ADLOAD_DRIVER="http", ADLOAD_URL="http://127.0.0.1:1/")
    [found] = [item for item in doctor.examine(live=True) if item.area == "adload"]
    assert found.state == "x"
    assert "ADLOAD" in found.remedy
