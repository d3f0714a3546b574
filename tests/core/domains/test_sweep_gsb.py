"""The sweep of reputation against the sandbox, on both engines: what is looked up, stored, ordered, and held back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.domains import holds
from core.domains.sweeps import Block
from models import brake_facts, pipeline_writes
from models.domain_states import Source, Verdict
from models.domains import DomainEvidence
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains import patrol, yard

MINUTE = timedelta(minutes=1)
PAGE = "https://landing.shop.test/offer"


@pytest.fixture
def sandbox(_sandbox: Sandbox, database: Any, settings_env: SettingsEnv) -> Sandbox:
    _sandbox.reset()
    settings_env(SANDBOX_URL=_sandbox.url, SAFE_BROWSING_PROVIDER="sandbox")
    return _sandbox


def evidence() -> list[DomainEvidence]:
    return list(DomainEvidence.select().order_by(DomainEvidence.id))


def ordered(blocks: tuple[Block, ...]) -> list[tuple[str, str]]:
    return [(block.domain, block.reason.value) for block in blocks]


def test_a_listed_domain_is_to_be_blocked_and_the_others_are_safe(sandbox: Sandbox) -> None:
    first, second = patrol.fleet(2)
    patrol.listed(sandbox, first)
    swept = patrol.reputations().swept
    assert ordered(swept.blocks) == [(first, "GSB_UNSAFE")]
    row = DomainEvidence.get_by_id(swept.blocks[0].evidence_id)
    assert (row.verdict, row.subject, row.live, row.canary_ok) == (Verdict.UNSAFE, first, True, True)
    assert row.detail == {"threats": ["SOCIAL_ENGINEERING"]}
    assert patrol.verdicts(Source.GSB, first, second) == ["unsafe", "safe"]
    assert patrol.cycles(Source.GSB) == [("acted", 1, 0, 1, 0)]


def test_active_domains_of_enabled_pipelines_are_checked_held_or_not(sandbox: Sandbox) -> None:
    off, held = patrol.fleet(2)
    yard.pipeline("Q", "active.example.test", "spare.example.test")
    patrol.unused("P0")
    patrol.held("P1")
    patrol.listed(sandbox, off, held, "spare.example.test")
    found = patrol.reputations().swept
    assert (found.asked, ordered(found.blocks)) == (2, [(held, "GSB_UNSAFE")])
    assert patrol.verdicts(Source.GSB, off, held, "active.example.test", "spare.example.test") == [
        "", "unsafe", "safe", "",
    ]  # fmt: skip


def test_a_listing_of_the_address_that_people_click_speaks_against_the_domain(sandbox: Sandbox) -> None:
    (name,) = patrol.fleet(1)
    patrol.campaign("P0", "https://former.example.test/click/1?sub={sub}")
    sandbox.host(name, listed=["MALWARE"], path="/click/")
    (block,) = patrol.reputations().swept.blocks
    assert DomainEvidence.get_by_id(block.evidence_id).subject == f"https://{name}/click/1?sub={{sub}}"


def test_a_listed_page_behind_a_pipeline_is_told_and_never_a_block(sandbox: Sandbox) -> None:
    names = patrol.fleet(2)
    for pipeline in ("P0", "P1"):
        patrol.destination(pipeline, PAGE)
    patrol.listed(sandbox, "landing.shop.test")
    for _ in range(2):
        found = patrol.reputations()
        assert (found.swept.blocks, [(one.url, one.pipelines) for one in found.listed]) == ((), [(PAGE, ("P0", "P1"))])
    assert patrol.verdicts(Source.GSB, *names) == ["safe", "safe"]
    assert [row.subject for row in evidence() if row.verdict is Verdict.UNSAFE] == [PAGE, PAGE]
    assert brake_facts.destination_listed(yard.read("P0").id, yard.domain(names[0]).id, now() - MINUTE)


def test_a_listing_from_the_cache_is_ordered_again_with_the_same_answer(sandbox: Sandbox) -> None:
    (name,) = patrol.fleet(1)
    patrol.listed(sandbox, name)
    first, second = (patrol.reputations().swept.blocks for _ in range(2))
    assert first == second
    assert len(first) == len(evidence()) == 1


def test_a_blind_sweep_knows_nothing_blocks_nothing_and_takes_nothing_back(sandbox: Sandbox) -> None:
    bad, good = patrol.fleet(2)
    patrol.listed(sandbox, bad)
    with time_machine.travel(now(), tick=True) as travel:
        patrol.reputations()
        travel.shift(10 * MINUTE)
        began = now()
        sandbox.fault("gsb", {"type": "status", "status": 503})
        found = patrol.reputations()
        assert (found.reason, found.swept.blocks, found.swept.verdicts) == ("unavailable", (), {Verdict.UNKNOWN: 2})
        travel.shift(5 * MINUTE)
        again = patrol.reputations().swept
    assert again.blind_since is not None
    assert began <= again.blind_since < began + MINUTE
    assert patrol.verdicts(Source.GSB, bad, good) == ["unsafe", "unknown"]
    assert [one[0] for one in patrol.cycles(Source.GSB)] == ["acted", "blind", "blind"]


def test_ten_of_twenty_domains_at_once_hold_everything_and_block_nobody(sandbox: Sandbox) -> None:
    names = patrol.fleet(20)
    patrol.listed(sandbox, *names[:10])
    found = patrol.reputations().swept
    assert (found.blocks, found.wide.bad if found.wide else None) == ((), tuple(sorted(names[:10])))
    control = pipeline_writes.control()
    assert (control.held_by, control.reason) == ("system", "blast_radius")
    assert patrol.cycles(Source.GSB) == [("held", 10, 0, 10, 0)]
    assert sorted(unsafe.domain for unsafe in holds.release_all(yard.ANNA)) == sorted(names[:10])
    released = patrol.reputations().swept
    assert (released.wide, len(released.blocks)) == (None, 10)


@pytest.mark.parametrize(("size", "bad"), [(4, 2), (10, 3)])
def test_few_bad_domains_hold_nothing(sandbox: Sandbox, size: int, bad: int) -> None:
    names = patrol.fleet(size)
    patrol.listed(sandbox, *names[:bad])
    found = patrol.reputations().swept
    assert (found.wide, len(found.blocks)) == (None, bad)


def test_what_went_bad_shortly_before_counts_toward_the_blast_radius(sandbox: Sandbox) -> None:
    names = patrol.fleet(6)
    for name in names[:2]:
        yard.answer(name, Verdict.SUSPECT, Source.DNS)
    patrol.listed(sandbox, names[2])
    wide = patrol.reputations().swept.wide
    assert wide is not None
    assert (len(wide.bad), wide.active) == (3, 6)


def test_a_domain_that_is_clean_again_has_recovered_unless_another_source_objects(sandbox: Sandbox) -> None:
    names = patrol.fleet(2)
    patrol.listed(sandbox, *names)
    with time_machine.travel(now(), tick=True) as travel:
        patrol.reputations()
        for name in names:
            sandbox.host(name, listed=[])
        yard.answer(names[1], Verdict.UNSAFE, Source.DNS)
        travel.shift(31 * MINUTE)
        assert patrol.reputations().swept.recovered == (names[0],)
        travel.shift(31 * MINUTE)
        assert patrol.reputations().swept.recovered == ()


def test_nothing_is_asked_without_active_domains(sandbox: Sandbox) -> None:
    before = len(sandbox.journal("gsb"))
    assert patrol.reputations().swept.asked == 0
    assert (len(sandbox.journal("gsb")), patrol.cycles(Source.GSB)) == (before, [])


def test_the_number_of_statements_does_not_depend_on_the_number_of_domains(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for size, first in ((5, 0), (295, 5)):
        names = patrol.fleet(size, first)
        patrol.destination(f"P{first}", PAGE)
        patrol.listed(sandbox, *names[:1])
        with patrol.counting(monkeypatch) as asked:
            patrol.reputations()
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 25
