"""Which provider the settings name, and which settings are refused."""

from __future__ import annotations

import pytest

from config.errors import SettingsError
from integrations import safe_browsing
from integrations.errors import Unavailable
from integrations.safe_browsing.port import State
from integrations.safe_browsing.v5 import SafeBrowsing
from integrations.safe_browsing.web_risk import WebRisk
from tests.conftest import SettingsEnv


def test_without_a_provider_every_verdict_is_unknown_and_says_why(settings_env: SettingsEnv) -> None:
    provider = safe_browsing.make(settings_env())
    found = {**provider.check(["a.test"], fresh=["b.test"]), **provider.check_live(["c.test"])}
    assert {verdict.state for verdict in found.values()} == {State.UNKNOWN}
    assert {verdict.reason for verdict in found.values()} == {"no_provider"}
    assert set(found) == {"a.test", "b.test", "c.test"}
    with pytest.raises(Unavailable, match="SAFE_BROWSING_PROVIDER"):
        provider.probe()


def test_web_risk_is_asked_at_its_usual_address(settings_env: SettingsEnv) -> None:
    provider = safe_browsing.make(settings_env(SAFE_BROWSING_PROVIDER="webrisk", SAFE_BROWSING_KEY="k"))
    assert isinstance(provider, WebRisk)
    assert (provider.url, provider.key) == ("https://webrisk.googleapis.com/v1", "k")


def test_safe_browsing_is_asked_where_the_settings_say(settings_env: SettingsEnv) -> None:
    settings = settings_env(
        SAFE_BROWSING_PROVIDER="safebrowsing-v5",
        SAFE_BROWSING_NONCOMMERCIAL="true",
        SAFE_BROWSING_KEY="k",
        SAFE_BROWSING_URL="https://mirror.example.com/v5",
    )
    provider = safe_browsing.make(settings)
    assert isinstance(provider, SafeBrowsing)
    assert provider.url == "https://mirror.example.com/v5"


@pytest.mark.parametrize(
    ("name", "path"), [("sandbox", "/gsb/v5"), ("safebrowsing-v5", "/gsb/v5"), ("webrisk", "/webrisk/v1")]
)
def test_the_sandbox_stands_in_for_each_provider(settings_env: SettingsEnv, name: str, path: str) -> None:
    settings = settings_env(
        SAFE_BROWSING_PROVIDER=name, SAFE_BROWSING_NONCOMMERCIAL="true", SANDBOX_URL="http://127.0.0.1:8700"
    )
    provider = safe_browsing.make(settings)
    assert isinstance(provider, SafeBrowsing | WebRisk)
    assert (provider.provider, provider.url) == (name, f"http://127.0.0.1:8700{path}")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SAFE_BROWSING_PROVIDER": "safebrowsing-v5", "SAFE_BROWSING_KEY": "k"}, "SAFE_BROWSING_NONCOMMERCIAL"),
        ({"SAFE_BROWSING_PROVIDER": "webrisk"}, "SAFE_BROWSING_KEY"),
        ({"SAFE_BROWSING_PROVIDER": "sandbox"}, "SAFE_BROWSING_URL"),
        ({"SAFE_BROWSING_PROVIDER": "sandbox", "SAFE_BROWSING_URL": "https://example.com/"}, "SAFE_BROWSING_URL"),
        ({"SAFE_BROWSING_PROVIDER": "google"}, "SAFE_BROWSING_PROVIDER"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(
    settings_env: SettingsEnv, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        settings_env(**variables)
