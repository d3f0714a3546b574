"""`signalbox doctor --live` asks those that judge domains: the reputation provider and the resolvers."""

from __future__ import annotations

from typing import Any

import pytest

from cli import doctor
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.yard import pipeline


def found(*, live: bool = True) -> list[str]:
    return [f"{one.state} {one.what}" for one in doctor.examine(live=live) if one.area == "domains"][1:]


@pytest.fixture(autouse=True)
def surroundings(sqlite_database: Any, sandbox: Sandbox, settings_env: SettingsEnv) -> None:
    settings_env(SANDBOX_URL=sandbox.url, SAFE_BROWSING_PROVIDER="sandbox")


def test_nobody_is_asked_where_there_is_no_pipeline(sandbox: Sandbox) -> None:
    assert (found(), sandbox.journal("gsb")) == ([], [])


def test_a_provider_that_is_switched_off_is_blindness_and_is_not_asked(
    sandbox: Sandbox, settings_env: SettingsEnv
) -> None:
    settings_env(SAFE_BROWSING_ENABLED="false")
    pipeline()
    [blind] = [one for one in doctor.examine(live=True) if "listing" in one.what]
    assert (blind.state, blind.what) == ("x", "switched off by SAFE_BROWSING_ENABLED, so no listing is noticed")
    assert blind.remedy == "SAFE_BROWSING_ENABLED=true"
    assert sandbox.journal("gsb") == []


def test_judges_that_answer_truly_are_named(sandbox: Sandbox) -> None:
    pipeline()
    assert found(live=False) == []
    assert found() == [
        "ok sandbox: one address is listed and one is not, as they must be", "ok 3 of 3 resolvers answer truly",
    ]  # fmt: skip


def test_judges_that_cannot_be_believed_are_findings(sandbox: Sandbox) -> None:
    pipeline()
    sandbox.host("clean.canary.sandbox.test", listed=["MALWARE"])
    sandbox.host("canary-ok.sandbox.test", dns="nx", upstream=2)
    blind, voiceless, rest = found()
    assert blind == "x sandbox is blind, no listing is noticed: clean canary is listed"
    assert voiceless.startswith("! the resolver 127.0.0.1:")
    assert rest == "ok 2 of 3 resolvers answer truly"
    sandbox.host("canary-two.sandbox.test", dns="nx")
    assert found()[-1] == "x 0 of 3 resolvers answer truly: DNS is blind"
