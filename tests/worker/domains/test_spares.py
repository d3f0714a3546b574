"""Spares are checked like active domains: on both engines, against a sandbox that plays every source."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains import holds
from core.domains import spares as stocks
from models import pipelines
from models.database import execute, fetch
from models.domain_states import Reason
from sandbox.server import Sandbox
from tests.core.domains import yard
from tests.core.domains.plain_model import Died
from tests.core.domains.yard import pipeline, read, roles
from tests.together import together
from tests.worker.domains.field import HOUR, MINUTE, SECOND, incidents
from tests.worker.domains.places import Shift
from tests.worker.postroom import sent
from worker import alerts
from worker.domains.spares import check_spare_tracking_domains as sweep

A, B, C = (f"{name}.sandbox.test" for name in "abc")


def verdicts(name: str) -> dict[str, str]:
    """The latest verdict of each source about a domain."""
    number = yard.domain(name).id
    return dict(fetch("select source, verdict from domain_state where domain_id = %s", (number,)))


def test_clean_spares_pass_every_gate_and_nothing_else_happens(shift: Shift) -> None:
    pipeline("P", A, B, C)
    assert sweep() == 0
    assert verdicts(B) == {"gsb": "safe", "dns": "safe", "tls": "safe", "http": "safe", "rdap": "safe"}
    assert set(verdicts(A)) == {"tls", "http", "rdap"}
    assert read().next_domain == B
    assert (roles(), len(yard.switches())) == ({A: "active", B: "backup", C: "backup"}, 1)
    assert fetch("select count(*) from alert")[0][0] == 0


def test_a_spare_stays_proven_however_long_the_provider_lets_an_answer_be_kept(shift: Shift, sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[86_400])
    pipeline("P", A, B)
    for _ in range(5):
        sweep()
        shift(5 * MINUTE - SECOND)
        assert pipelines.line(read().id).spares[0].faults == ()


def test_a24_a_spare_that_turns_unsafe_is_blocked_without_a_switch_once_a_second_answer_confirms_it(
    shift: Shift, sandbox: Sandbox
) -> None:
    pipeline("P", A, B, C)
    sandbox.host(B, listed=["SOCIAL_ENGINEERING"])
    assert sweep() == 0
    assert (roles()[B], verdicts(B)["gsb"], sent(sweep.actor_name)) == ("backup", "suspect", [{}])
    shift(29 * SECOND)
    assert sweep() == 0
    shift(SECOND)
    assert [sweep(), sweep()] == [1, 0]
    assert (roles(), read().next_domain, len(yard.switches())) == ({A: "active", B: "blocked", C: "backup"}, C, 1)
    assert read().blocked_domains == [B]
    assert incidents("spare_lost") == [(B, "warning", 1)]
    [(reason, evidence)] = fetch("select block_reason, block_evidence_id from pipeline_domain where role = 'blocked'")
    assert (reason, evidence is not None) == (Reason.GSB_UNSAFE, True)


def test_a_listing_that_is_not_confirmed_costs_a_spare_nothing(shift: Shift, sandbox: Sandbox) -> None:
    pipeline("P", A, B)
    sandbox.host(B, listed=["MALWARE"])
    sweep()
    sandbox.host(B, listed=[])
    shift(30 * SECOND)
    assert (sweep(), roles()[B], verdicts(B)["gsb"]) == (0, "backup", "safe")


def test_no_spare_is_dropped_when_so_many_are_bad_at_once_that_the_fault_may_be_ours(
    shift: Shift, sandbox: Sandbox
) -> None:
    pipeline("P", A, B, C, "d.sandbox.test")
    for name in (B, C, "d.sandbox.test"):
        sandbox.host(name, listed=["MALWARE"])
    for _ in range(3):
        assert sweep() == 0
        shift(MINUTE)
    assert (roles(), read().next_domain) == ({A: "active"} | dict.fromkeys((B, C, "d.sandbox.test"), "backup"), None)
    assert incidents("spares_doubted") == [("all", "warning", 1)]
    sandbox.host(B, listed=[])
    sandbox.host(C, listed=[])
    for _ in range(3):
        sweep()
        shift(MINUTE)
    assert incidents("spares_doubted") == []
    assert roles() == {A: "active", B: "backup", C: "backup", "d.sandbox.test": "blocked"}


def test_a_spare_that_does_not_resolve_is_blocked_after_two_rounds(shift: Shift, sandbox: Sandbox) -> None:
    pipeline("P", A, B, C)
    sandbox.host(B, dns="nx")
    assert (sweep(), verdicts(B)["dns"]) == (0, "suspect")
    shift(59 * SECOND)
    assert sweep() == 0
    shift(SECOND)
    assert (sweep(), roles()[B], len(yard.switches())) == (1, "blocked", 1)


@pytest.mark.parametrize("lie", ["reputation", "resolvers"])
def test_no_spare_is_lost_while_we_are_lied_to(shift: Shift, sandbox: Sandbox, lie: str) -> None:
    pipeline("P", A, B, C)
    if lie == "reputation":
        sandbox.edit("gsb", "settings", unsafe_percent=100)
    else:
        for name in (B, C, "canary-ok.sandbox.test", "canary-two.sandbox.test"):
            sandbox.host(name, dns="nx")
    for _ in range(3):
        assert sweep() == 0
        shift(2 * MINUTE)
    assert roles() == {A: "active", B: "backup", C: "backup"}


def test_gates_that_fail_are_stored_so_that_the_next_domain_is_another(shift: Shift) -> None:
    expired = "tlsexpired.sandbox.test"
    pipeline("P", A, expired, B)
    assert sweep() == 0
    assert (verdicts(expired)["tls"], read().next_domain, roles()[expired]) == ("unsafe", B, "backup")


def test_a_spare_that_leads_elsewhere_is_passed_over_and_not_blocked(shift: Shift) -> None:
    pipeline("P", A, B)
    execute("update tracking_domain_pipeline set expected_cname = 'elsewhere.example'")
    for _ in range(3):
        assert sweep() == 0
        shift(2 * MINUTE)
    assert (verdicts(B)["dns"], read().next_domain, roles()[B]) == ("unsafe", None, "backup")


def test_an_exhausted_pipeline_takes_the_spare_that_became_fit_unless_it_is_held(
    shift: Shift, sandbox: Sandbox
) -> None:
    spare = "tlsexpired.sandbox.test"
    pipeline("P", A, spare, with_update_voluum=True)
    sweep()
    assert read().block_active_domain("MANUAL")
    assert (read().active_domain, str(read().status)) == (None, "exhausted")
    sandbox.host(spare, tls="valid")
    shift(HOUR)
    holds.hold_all("a partner asked", yard.ANNA)
    sweep()
    assert read().active_domain is None
    holds.release_all(yard.ANNA)
    for _ in range(2):
        sweep()
    last = yard.switches()[-1]
    assert (read().active_domain, str(last.trigger), last.seq) == (spare, "return", 3)
    assert sent("update_voluum_campaigns") == sent("announce_pipeline_switch") == [{"switch_id": last.id}]


def test_a_spare_that_the_voluum_account_does_not_know_is_less_ready_where_voluum_follows(
    shift: Shift, sandbox: Sandbox
) -> None:
    sandbox.control("POST", "seed", {"seed": 1, "size": "s"})
    pipeline("P", A, "c5.sandbox.test", B, with_update_voluum=True)
    sweep()
    parts = {one.place.name: [part.reason for part in one.readiness.parts] for one in stocks.overview()[0].spares}
    assert parts == {"c5.sandbox.test": [], B: ["not in Voluum"]}


def test_pipelines_that_are_off_are_not_looked_at(shift: Shift, sandbox: Sandbox) -> None:
    pipeline("P", A, B)
    execute("update tracking_domain_pipeline set enabled = %s", (False,))
    assert (sweep(), sandbox.journal("gsb"), sandbox.journal("dns")) == (0, [], [])


def test_a_death_before_the_commit_leaves_nothing_and_the_next_run_does_it_all(
    shift: Shift, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline("P", A, B, C)
    sandbox.host(B, listed=["MALWARE"])
    sweep()
    shift(30 * SECOND)
    before = yard.everything()

    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as once:
        once.setattr(alerts, "tell_all", die)
        with pytest.raises(Died):
            sweep()
    assert (yard.everything(), incidents("spare_lost")) == (before, [])
    assert (sweep(), roles()[B], incidents("spare_lost")) == (1, "blocked", [(B, "warning", 1)])


def test_two_sweeps_at_once_lose_a_spare_once(shift: Shift, sandbox: Sandbox) -> None:
    pipeline("P", A, B, C)
    sandbox.host(B, listed=["MALWARE"])
    sweep()
    shift(30 * SECOND)
    lost = together(sweep, sweep)
    assert (sorted(lost), roles()[B], len(yard.switches())) == ([0, 1], "blocked", 1)
    assert incidents("spare_lost") == [(B, "warning", 1)]
