"""Verdicts are believed while the canaries are: on both engines, against the sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config import clock
from core.domains import reputation
from integrations.safe_browsing.port import State
from models.database import fetch
from models.retention import forget_old
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

SAFE, UNSAFE, UNKNOWN = State.SAFE, State.UNSAFE, State.UNKNOWN
SERVICES = {"sandbox": "gsb", "webrisk": "webrisk"}


@pytest.fixture
def sandbox(_sandbox: Sandbox, database: Any, settings_env: SettingsEnv) -> Sandbox:
    _sandbox.reset()
    settings_env(SANDBOX_URL=_sandbox.url, SAFE_BROWSING_PROVIDER="sandbox")
    return _sandbox


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, sandbox: Sandbox, settings_env: SettingsEnv) -> str:
    """The name in the sandbox of the provider that is set, once for each."""
    settings_env(SAFE_BROWSING_PROVIDER=request.param)
    return SERVICES[request.param]


def test_a_listed_domain_is_found_while_both_canaries_answer(sandbox: Sandbox, service: str) -> None:
    sandbox.host("go.example.test", listed=["MALWARE"])
    found = reputation.look_up(["go.example.test", "other.example.test"])
    assert (found.canary_ok, found.reason) == (True, "")
    assert list(found.unsafe) == ["go.example.test"]
    assert found.verdicts["other.example.test"].state is SAFE
    assert set(found.verdicts) == {"go.example.test", "other.example.test"}


def test_everything_unsafe_is_our_own_blindness(sandbox: Sandbox, service: str) -> None:
    sandbox.host("go.example.test")
    sandbox.edit(service, "settings", unsafe_percent=100)
    for found in (reputation.look_up(["go.example.test"]), reputation.confirm(["go.example.test"])):
        assert (found.canary_ok, found.reason, found.unsafe) == (False, "clean_canary_is_listed", {})
        verdict = found.verdicts["go.example.test"]
        assert (verdict.state, verdict.threats, verdict.reason) == (UNKNOWN, (), "clean_canary_is_listed")


def test_nothing_listed_any_more_is_our_own_blindness(sandbox: Sandbox, service: str) -> None:
    sandbox.host("malware.canary.sandbox.test", listed=[])
    found = reputation.look_up(["go.example.test"])
    assert (found.canary_ok, found.reason) == (False, "listed_canary_is_clean")
    assert found.verdicts["go.example.test"].state is UNKNOWN


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ({"type": "status", "status": 503}, "unavailable"),
        ({"type": "status", "status": 403}, "unauthorized"),
        ({"type": "retry_after", "form": "missing"}, "rate_limited"),
        ({"type": "html"}, "malformed"),
        ({"type": "drop"}, "unavailable"),
    ],
)
def test_an_outage_blinds_and_says_why(
    sandbox: Sandbox, service: str, settings_env: SettingsEnv, action: dict[str, Any], reason: str
) -> None:
    sandbox.fault(service, action)
    for found in (reputation.look_up(["malware.sandbox.test"]), reputation.confirm(["malware.sandbox.test"])):
        assert (found.canary_ok, found.reason) == (False, reason)
        assert found.verdicts["malware.sandbox.test"].state is UNKNOWN


def test_a_cached_listing_is_not_believed_while_the_canary_is_silent(sandbox: Sandbox) -> None:
    assert reputation.look_up(["malware.sandbox.test"]).unsafe
    sandbox.fault("gsb", {"type": "drop"})
    found = reputation.look_up(["malware.sandbox.test"])
    assert (found.canary_ok, found.verdicts["malware.sandbox.test"].state) == (False, UNKNOWN)


def test_a_second_sweep_asks_only_about_the_canaries(sandbox: Sandbox) -> None:
    domains = [f"go.d{number}.test" for number in range(500)]
    first, second = reputation.look_up(domains), reputation.look_up(domains)
    assert {verdict.state for verdict in (*first.verdicts.values(), *second.verdicts.values())} == {SAFE}
    assert all(verdict.live for verdict in first.verdicts.values())
    assert not any(verdict.live for verdict in second.verdicts.values())
    rows = sandbox.journal("gsb")
    assert len(rows) <= 12
    assert rows[-1]["query"].count("hashPrefixes=") == 4


def test_a_confirmation_passes_the_cache_by(sandbox: Sandbox) -> None:
    assert not reputation.look_up(["go.example.test"]).unsafe
    sandbox.host("go.example.test", listed=["MALWARE"])
    assert not reputation.look_up(["go.example.test"]).unsafe
    assert reputation.confirm(["go.example.test"]).unsafe["go.example.test"].live
    assert reputation.look_up(["go.example.test"]).unsafe


def test_a_listing_that_was_taken_back_is_noticed_after_thirty_minutes_at_the_latest(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[86_400])
    sandbox.host("go.example.test", listed=["MALWARE"])
    with time_machine.travel(clock.now(), tick=False) as travel:
        assert reputation.look_up(["go.example.test"]).unsafe
        sandbox.host("go.example.test", listed=[])
        travel.shift(timedelta(minutes=29, seconds=59))
        assert reputation.look_up(["go.example.test"]).unsafe
        travel.shift(timedelta(seconds=1))
        assert not reputation.look_up(["go.example.test"]).unsafe


def test_what_holds_no_longer_is_forgotten(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[300])
    with time_machine.travel(clock.now(), tick=False) as travel:
        reputation.look_up(["go.example.test"])
        kept = fetch("select count(*) from reputation_cache")[0][0]
        assert (kept > 0, forget_old(90)) == (True, 0)
        travel.shift(timedelta(days=1, seconds=300))
        assert forget_old(90) == kept


def test_without_a_provider_everything_is_unknown(database: Any) -> None:
    found = reputation.look_up(["go.example.test"])
    assert (found.canary_ok, found.reason, found.verdicts["go.example.test"].state) == (False, "no_provider", UNKNOWN)


def test_a_text_that_is_no_address_blinds_nobody_else(sandbox: Sandbox) -> None:
    found = reputation.look_up(["", "go.example.test"])
    assert found.canary_ok
    assert [verdict.state for verdict in found.verdicts.values()] == [UNKNOWN, SAFE]
