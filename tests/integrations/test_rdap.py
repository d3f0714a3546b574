"""Registries: who serves a zone, what they say, and what they may say wrongly."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from config.clock import now
from integrations.errors import RateLimited, Unavailable
from integrations.rdap import DAY_SECONDS, Rdap, Registration, RegistrationState
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv


class Clock:
    """A monotonic clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rdap(sandbox: Sandbox, clock: Clock) -> Rdap:
    return Rdap(sandbox.rdap_url, clock=clock)


def asked(sandbox: Sandbox) -> list[str]:
    return [row["path"].removeprefix("/rdap/") for row in sandbox.journal("rdap")]


def days(until: datetime | None) -> int:
    assert until is not None
    return (until - now()) // timedelta(days=1)


def test_a_registered_domain_has_dates_and_servers(sandbox: Sandbox, rdap: Rdap) -> None:
    found = rdap.registration("example.test")
    assert (found.state, found.on_hold, days(found.expires_at)) == (RegistrationState.REGISTERED, False, 399)
    assert days(found.registered_at) == -701
    assert (found.statuses, found.nameservers) == (("client transfer prohibited",), ("ns1.sandbox.test",))
    assert asked(sandbox) == ["dns.json", "domain/example.test"]
    assert sandbox.journal("rdap")[1]["headers"]["accept"] == "application/rdap+json"


@pytest.mark.parametrize(
    ("manner", "state", "hold", "left"),
    [
        ("exp3d", RegistrationState.REGISTERED, False, 3),
        ("noexp", RegistrationState.REGISTERED, False, None),
        ("hold", RegistrationState.REGISTERED, True, 399),
        ("404", RegistrationState.NOT_REGISTERED, False, None),
    ],
)
def test_every_manner_of_a_registry(
    sandbox: Sandbox, rdap: Rdap, manner: str, state: RegistrationState, hold: bool, left: int | None
) -> None:
    sandbox.host("example.test", rdap=manner)
    found = rdap.registration("example.test")
    assert (found.state, found.on_hold) == (state, hold)
    assert found.expires_at is None if left is None else days(found.expires_at) == left


def test_a_zone_without_a_registry_is_unknown_and_asks_nobody(sandbox: Sandbox, rdap: Rdap) -> None:
    assert rdap.registration("example.nowhere") == Registration(RegistrationState.UNKNOWN)
    assert asked(sandbox) == ["dns.json"]


def test_a_busy_registry_is_left_alone_for_as_long_as_it_says(sandbox: Sandbox, rdap: Rdap, clock: Clock) -> None:
    sandbox.host("busy.test", rdap="429")
    with pytest.raises(RateLimited) as caught:
        rdap.registration("busy.test")
    assert caught.value.retry_after == 120
    with pytest.raises(RateLimited):
        rdap.registration("other.test")
    assert asked(sandbox) == ["dns.json", "domain/busy.test"]
    clock.seconds += 121
    assert rdap.registration("other.test").state is RegistrationState.REGISTERED


@pytest.mark.parametrize("form", ["missing", "absurd"])
def test_without_a_usable_hint_it_is_left_alone_for_a_day(sandbox: Sandbox, rdap: Rdap, form: str) -> None:
    sandbox.fault("rdap", {"type": "retry_after", "form": form}, match={"path": "/domain/*"})
    with pytest.raises(RateLimited) as caught:
        rdap.registration("example.test")
    assert caught.value.retry_after == DAY_SECONDS


def test_a_registry_is_asked_once_a_second(rdap: Rdap, clock: Clock) -> None:
    rdap.registration("one.test")
    with pytest.raises(RateLimited) as caught:
        rdap.registration("two.test")
    assert 0 < caught.value.retry_after <= 1
    clock.seconds += 1
    rdap.registration("two.test")


def test_a_shared_limit_is_asked_before_each_call(sandbox: Sandbox, clock: Clock) -> None:
    def refuse(service: str) -> None:
        raise RateLimited(service, retry_after=7, sent=False)

    with pytest.raises(RateLimited, match=r"rdap:127\.0\.0\.1"):
        Rdap(sandbox.rdap_url, clock=clock, before_call=refuse).registration("example.test")
    assert asked(sandbox) == ["dns.json"]


def test_the_list_of_registries_is_kept_for_a_day(sandbox: Sandbox, rdap: Rdap, clock: Clock) -> None:
    for _ in range(3):
        rdap.registration("example.test")
        clock.seconds += 60
    assert asked(sandbox).count("dns.json") == 1
    clock.seconds += DAY_SECONDS
    rdap.registration("example.test")
    assert asked(sandbox).count("dns.json") == 2


def test_an_old_list_serves_while_there_is_no_new_one(sandbox: Sandbox, rdap: Rdap, clock: Clock) -> None:
    rdap.registration("example.test")
    clock.seconds += DAY_SECONDS + 1
    sandbox.fault("rdap", {"type": "status", "status": 500}, match={"path": "/dns.json"})
    assert rdap.registration("example.test").state is RegistrationState.REGISTERED


def test_without_any_list_nothing_is_known(sandbox: Sandbox, rdap: Rdap) -> None:
    sandbox.fault("rdap", {"type": "status", "status": 503}, match={"path": "/dns.json"})
    with pytest.raises(Unavailable):
        rdap.registration("example.test")


@pytest.mark.parametrize("action", ["drop", "reset", "garbage", "html", "empty", "truncate", "deep"])
def test_a_broken_answer_is_no_fact(sandbox: Sandbox, rdap: Rdap, action: str) -> None:
    sandbox.fault("rdap", {"type": action}, match={"path": "/domain/*"})
    with pytest.raises(Unavailable):
        rdap.registration("example.test")


def test_the_settings_name_the_bootstrap_and_the_sandbox_stands_in(sandbox: Sandbox, settings_env: SettingsEnv) -> None:
    found = Rdap.from_settings(settings_env(SANDBOX_URL=sandbox.url))
    assert found is not None
    assert found.bootstrap_url == sandbox.rdap_url
    assert found.probe() == "rdap: registries of 1 zones"
