"""Rounds of DNS against the sandbox's resolvers: one is a suspicion, the next one in a row is an order to block."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.domains.sweep_dns import Fault, Next, Resolutions
from models import pipeline_writes
from models.database import execute
from models.domain_states import Source
from models.domains import DomainEvidence
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains import patrol, yard

CANARIES = ("canary-ok.sandbox.test", "canary-two.sandbox.test")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def sandbox(_sandbox: Sandbox, database: Any, settings_env: SettingsEnv) -> Sandbox:
    _sandbox.reset()
    settings_env(SANDBOX_URL=_sandbox.url)
    return _sandbox


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now(), tick=True) as travel:
        yield travel


def says(sandbox: Sandbox, names: list[str], dns: str) -> None:
    for name in names:
        sandbox.host(name, dns=dns)


def faults(found: Resolutions) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for remark in found.remarks:
        told.setdefault(remark.target.domain, []).append(remark.fault.value)
    return told


def test_a_name_is_suspected_after_one_round_and_to_be_blocked_after_two(
    sandbox: Sandbox, clock: time_machine.Traveller
) -> None:
    gone, fine = patrol.fleet(2)
    says(sandbox, [gone], "nx")
    says(sandbox, [fine], "ok")
    first = patrol.resolutions()
    assert (first.swept.blocks, first.nexts) == ((), (Next((gone,), 2, 60),))
    assert patrol.verdicts(Source.DNS, gone, fine) == ["suspect", "safe"]
    clock.shift(MINUTE)
    second = patrol.resolutions([gone], 2)
    (block,) = second.swept.blocks
    assert (block.domain, block.reason.value, second.nexts) == (gone, "DNS_NOT_RESOLVABLE", ())
    row = DomainEvidence.get_by_id(block.evidence_id)
    assert (row.detail["round"], sorted(row.detail["negative"])) == (2, sorted(sandbox.dns_upstreams))
    assert patrol.cycles(Source.DNS) == [("acted", 1, 1, 0, 0), ("acted", 0, 0, 1, 0)]


def test_the_second_round_asks_the_zone_which_has_the_last_word(
    sandbox: Sandbox, clock: time_machine.Traveller
) -> None:
    names = patrol.fleet(1)
    says(sandbox, names, "1=nx,2=nx,3=nx")
    assert patrol.resolutions().swept.verdicts == {"suspect": 1}
    clock.shift(MINUTE)
    found = patrol.resolutions(names, 2)
    assert (found.swept.blocks, found.swept.recovered) == ((), tuple(names))


def test_as_many_rounds_as_are_set_have_to_deny_a_name(
    sandbox: Sandbox, settings_env: SettingsEnv, clock: time_machine.Traveller
) -> None:
    settings_env(DNS_CONFIRM_ROUNDS="3", DNS_CONFIRM_AFTER="20")
    names = patrol.fleet(1)
    says(sandbox, names, "nx")
    asked = None
    for number in (1, 2):
        found = patrol.resolutions(asked, number)
        asked = names
        assert (found.swept.blocks, found.nexts) == ((), (Next(tuple(names), number + 1, 20),))
        clock.shift(timedelta(seconds=20))
    assert len(patrol.resolutions(names, 3).swept.blocks) == 1


def test_a_late_second_round_counts_as_the_first_if_the_name_was_well_meanwhile(
    sandbox: Sandbox, clock: time_machine.Traveller
) -> None:
    names = patrol.fleet(1)
    says(sandbox, names, "nx")
    patrol.resolutions()
    says(sandbox, names, "ok")
    clock.shift(MINUTE / 2)
    assert patrol.resolutions().swept.recovered == tuple(names)
    says(sandbox, names, "nx")
    clock.shift(MINUTE / 2)
    for _ in range(2):
        found = patrol.resolutions(names, 2)
        assert (found.swept.blocks, found.nexts) == ((), (Next(tuple(names), 2, 60),))
    clock.shift(MINUTE)
    assert len(patrol.resolutions(names, 2).swept.blocks) == 1


def test_a_dead_line_says_nothing_about_anybody_and_is_asked_again(sandbox: Sandbox) -> None:
    names = patrol.fleet(2)
    says(sandbox, [*names, *CANARIES], "nx")
    whole = patrol.resolutions()
    assert (whole.swept.verdicts, whole.swept.blocks, whole.remarks) == ({"unknown": 2}, (), ())
    assert (whole.nexts, bool(whole.failures), whole.swept.blind_since is None) == ((Next(None, 1, 60),), True, False)
    assert patrol.resolutions(names[:1], 2).nexts == (Next((names[0],), 2, 60),)
    assert patrol.cycles(Source.DNS) == [("blind", 0, 0, 0, 2), ("blind", 0, 0, 0, 1)]


def test_a_name_that_leads_elsewhere_is_told(sandbox: Sandbox) -> None:
    right, wrong = patrol.fleet(2)
    execute("update tracking_domain_pipeline set expected_cname = 'edge.sandbox.test'")
    says(sandbox, [right], "cname")
    says(sandbox, [wrong], "wrongcname")
    found = patrol.resolutions()
    assert (faults(found), found.swept.blocks) == ({wrong: [Fault.MISPOINTED.value]}, ())


def test_a_confirmed_name_recovers_after_two_clean_rounds_a_minute_apart(
    sandbox: Sandbox, clock: time_machine.Traveller
) -> None:
    names = patrol.fleet(1)
    patrol.held("P0")
    says(sandbox, names, "empty")
    patrol.resolutions()
    clock.shift(MINUTE)
    assert len(patrol.resolutions(names, 2).swept.blocks) == 1
    says(sandbox, names, "ok")
    clock.shift(MINUTE)
    assert patrol.resolutions().swept.recovered == ()
    clock.shift(MINUTE)
    found = patrol.resolutions().swept
    assert (found.recovered, found.freed) == (tuple(names), ("P0",))


def test_only_active_domains_are_asked_about(sandbox: Sandbox) -> None:
    yard.pipeline("Q", "active.example.test", "spare.example.test")
    patrol.fleet(1)
    patrol.unused("P0")
    assert patrol.resolutions(["spare.example.test", "go.d0.test", "stranger.test"]).swept.asked == 0
    assert patrol.resolutions().swept.asked == 1
    assert not [row for row in sandbox.journal("dns") if row["path"].strip("/").startswith(("spare", "go.d0"))]


def test_too_many_dead_names_at_once_hold_everything(sandbox: Sandbox, clock: time_machine.Traveller) -> None:
    names = patrol.fleet(4)
    says(sandbox, names, "nx")
    assert patrol.resolutions().swept.wide is None
    clock.shift(MINUTE)
    found = patrol.resolutions(names, 2).swept
    assert (found.blocks, found.wide.bad if found.wide else None) == ((), tuple(sorted(names)))
    assert pipeline_writes.control().reason == "blast_radius"


def test_the_number_of_statements_does_not_depend_on_the_number_of_names(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a busy machine may be slow to answer, and nothing here is about time
    monkeypatch.setattr("integrations.dns.TRY_SECONDS", 20.0)
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 60.0)
    counts = []
    for size, first in ((5, 0), (295, 5)):
        says(sandbox, patrol.fleet(size, first)[:1], "nx")
        with patrol.counting(monkeypatch) as asked:
            patrol.resolutions()
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 20
