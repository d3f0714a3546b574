"""A round of DNS questions against resolvers that break, lie, and tell the truth."""

from __future__ import annotations

from itertools import product

import pytest

from config.settings import Settings
from core.domains.dns_round import Round, ask
from core.domains.dns_votes import Resolution
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

GO = "go.example.test"
ABSENT = "f00d.invalid"
CANARIES = ("canary-ok.sandbox.test", "canary-two.sandbox.test")


@pytest.fixture
def here(sandbox: Sandbox, settings_env: SettingsEnv) -> Settings:
    return settings_env(SANDBOX_URL=sandbox.url)


def resolution(found: Round, name: str = GO) -> Resolution:
    return found.votes[name].resolution


def test_a_name_that_everybody_knows_resolves(sandbox: Sandbox, here: Settings) -> None:
    sandbox.host(GO, dns="ok")
    found = ask([GO], here)
    assert (resolution(found), found.canary.ok, found.voices) == (Resolution.RESOLVABLE, True, 3)
    assert found.votes[GO].addresses == ("192.0.2.10", "2001:db8::10")


def test_a_name_that_nobody_knows_does_not_resolve_in_both_rounds(sandbox: Sandbox, here: Settings) -> None:
    sandbox.host(GO, dns="nx")
    assert resolution(ask([GO], here)) is Resolution.NOT_RESOLVABLE
    assert resolution(ask([GO], here, own_servers=True)) is Resolution.NOT_RESOLVABLE


def test_in_the_second_round_the_zone_outvotes_resolvers_that_lie(sandbox: Sandbox, here: Settings) -> None:
    sandbox.host(GO, dns="1=nx,2=empty,3=nx")
    assert resolution(ask([GO], here)) is Resolution.NOT_RESOLVABLE
    found = ask([GO], here, own_servers=True)
    assert (resolution(found), found.votes[GO].differing) == (Resolution.RESOLVABLE, False)


def test_a_dead_line_is_no_vote(sandbox: Sandbox, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 0.3)
    for name in (GO, *CANARIES, ABSENT):
        sandbox.host(name, dns="silent")
    found = ask([GO], here, absent=ABSENT)
    assert (resolution(found), found.canary.ok) == (Resolution.UNKNOWN, False)


def test_a_line_that_denies_everything_is_no_vote(sandbox: Sandbox, here: Settings) -> None:
    for name in (GO, *CANARIES):
        sandbox.host(name, dns="nx")
    found = ask([GO], here)
    assert (resolution(found), found.canary.ok) == (Resolution.UNKNOWN, False)


def test_a_line_that_finds_everything_is_no_vote(sandbox: Sandbox, here: Settings) -> None:
    sandbox.host(ABSENT, dns="ok")
    found = ask(["go.sandbox.test"], here, absent=ABSENT)
    assert (resolution(found, "go.sandbox.test"), found.canary.ok) == (Resolution.UNKNOWN, False)


def test_one_liar_among_three_neither_denies_nor_hides_a_real_end(sandbox: Sandbox, here: Settings) -> None:
    for name in CANARIES:
        sandbox.host(name, dns="2=nx")
    sandbox.host(GO, dns="nx")
    found = ask([GO, "go.sandbox.test"], here)
    assert found.canary.trusted == set(sandbox.dns_upstreams) - {sandbox.dns_upstreams[1]}
    assert resolution(found) is Resolution.NOT_RESOLVABLE
    assert resolution(found, "go.sandbox.test") is Resolution.RESOLVABLE


def test_one_resolver_alone_denies_nothing(sandbox: Sandbox, settings_env: SettingsEnv) -> None:
    sandbox.host(GO, dns="nx")
    settings = settings_env(SANDBOX_URL=sandbox.url, DNS_UPSTREAMS=sandbox.dns_upstreams[0])
    found = ask([GO], settings)
    assert (resolution(found), found.canary.ok, found.voices) == (Resolution.UNKNOWN, True, 1)


def test_further_sinkholes_of_the_settings_are_no_answer(sandbox: Sandbox, settings_env: SettingsEnv) -> None:
    sandbox.host(GO, dns="ok")
    here = settings_env(SANDBOX_URL=sandbox.url, DNS_SINKHOLES="192.0.2.0/24,2001:db8::/32")
    found = ask([GO], here)
    assert resolution(found) is Resolution.UNKNOWN
    assert found.votes[GO].sinkholed == sandbox.dns_upstreams


def test_the_absent_name_is_another_one_each_time(sandbox: Sandbox, here: Settings) -> None:
    for _ in range(2):
        ask([], here)
    paths = {row["path"] for row in sandbox.journal("dns") if row["path"].endswith(".invalid")}
    assert len(paths) == 2


def test_every_combination_of_broken_resolvers_over_real_sockets(
    sandbox: Sandbox, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 216 ways in which three resolvers may answer at once, in one round."""
    # a busy machine may be slow to answer, and nothing here is about time
    monkeypatch.setattr("integrations.dns.TRY_SECONDS", 20.0)
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 60.0)
    words = ("ok", "nx", "empty", "servfail", "refused", "sink")
    wanted = {f"n{number}.example.test": said for number, said in enumerate(product(words, repeat=3))}
    for name, said in wanted.items():
        sandbox.host(name, dns=",".join(f"{at}={word}" for at, word in enumerate(said, 1)))
    found = ask(wanted, here)
    for name, said in wanted.items():
        denials = sum(word in ("nx", "empty") for word in said)
        denied = denials >= 2 and "ok" not in said
        assert (resolution(found, name) is Resolution.NOT_RESOLVABLE) is denied, said
        assert (resolution(found, name) is Resolution.RESOLVABLE) is ("ok" in said), said
