"""A suspected domain is asked about again and left for a proven spare, once; a doubt leaves it where it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from config.clock import now
from models import audit, switch_news
from models.database import execute
from models.domain_states import Source, Verdict
from models.domains import DomainEvidence
from tests.core.domains import yard
from tests.core.domains.yard import pipeline, read, steps
from tests.worker.domains.duty import NOON, A, B, C, D, Duty, incident, told, verdict
from tests.worker.domains.places import Open
from worker.domains import metrics

MINUTE = timedelta(minutes=1)
HALF = timedelta(seconds=30)
OUT = {"type": "status", "status": 503}


@pytest.fixture
def duty(go_on_duty: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[Duty]:
    # what the look at the spares finds is asserted here, not how fast this machine is
    monkeypatch.setattr("core.domains.preflight.SECONDS", 10.0)
    with go_on_duty() as made:
        yield made


def counted(brake: str) -> float:
    return float(metrics.BRAKES.labels(brake)._value.get())


def test_a9_a_confirmed_listing_moves_the_pipeline_with_reason_and_evidence(duty: Duty) -> None:
    pipeline("P", A, B, C, with_update_voluum=True)
    first = duty.suspected()
    duty.block(evidence=first)
    assert (read().active_domain, duty.waiting) == (A, [HALF])
    duty.wait(30)
    assert (read().active_domain, read().blocked_domains, duty.waiting) == (B, [A], [])
    last = yard.switches()[-1]
    assert (str(last.trigger), last.reason, last.actor, last.evidence_id) == ("check", "GSB_UNSAFE", "system", first.id)
    assert (steps(last.id)["voluum"], steps(last.id)["affise"]) == ("pending", "not_needed")
    assert sorted(duty.sent) == [
        ("announce_pipeline_switch", {"switch_id": last.id}), ("update_voluum_campaigns", {"switch_id": last.id}),
    ]  # fmt: skip
    assert [(row.action, row.actor) for row in audit.page(limit=1)] == [("pipeline.block", "system")]
    duty.block(evidence=first)
    assert len(yard.switches()) == 2


def test_the_second_answer_is_asked_live_and_both_are_kept(duty: Duty) -> None:
    pipeline("P", A, B)
    first = duty.confirmed()
    rows = list(DomainEvidence.select().where(DomainEvidence.domain_id == first.domain_id).order_by(DomainEvidence.id))
    assert [(row.observed_at - NOON, row.live, row.canary_ok, str(row.verdict)) for row in rows] == [
        (timedelta(0), True, True, "unsafe"), (HALF, True, True, "unsafe"),
    ]  # fmt: skip
    assert rows[1].detail == {"threats": ["SOCIAL_ENGINEERING"]}


def test_a_second_answer_that_is_clean_drops_it(duty: Duty) -> None:
    pipeline("P", A, B)
    before, first = counted("unconfirmed"), duty.suspected()
    duty.sandbox.host(A, listed=[])
    duty.block(evidence=first)
    duty.wait(30)
    assert (read().active_domain, verdict(A), duty.waiting) == (A, "safe", [])
    assert counted("unconfirmed") == before + 1


def test_while_nobody_can_tell_it_is_asked_every_minute_until_the_evidence_is_worth_nothing(duty: Duty) -> None:
    pipeline("P", A, B)
    first = duty.suspected()
    duty.sandbox.fault("gsb", OUT)
    duty.block(evidence=first)
    duty.wait(30)
    assert (duty.waiting, verdict(A)) == ([MINUTE], "suspect")
    assert told("checker_blind", "gsb")["object"] == "gsb"
    for _ in range(24):
        assert incident("unknown", A) is None
        duty.wait(60)
    assert (duty.waiting, read().active_domain) == ([], A)
    assert told("unknown", A)["object"] == f"P: {A}"
    assert DomainEvidence.select().where(DomainEvidence.verdict == "unsafe").count() == 1


def test_a_provider_that_recovers_meanwhile_confirms_it(duty: Duty) -> None:
    pipeline("P", A, B)
    first = duty.suspected()
    fault = duty.sandbox.fault("gsb", OUT)
    duty.block(evidence=first)
    duty.wait(30)
    duty.sandbox.control("DELETE", f"faults/{fault}")
    duty.wait(60)
    assert read().active_domain == B
    proof = switch_news.proof(switch_news.made(yard.switches()[-1].id))
    assert proof is not None
    assert (proof.answers, proof.seconds) == (2, 90)


def test_a_provider_that_lists_everything_moves_nobody(duty: Duty) -> None:
    pipeline("P", A, B)
    first = duty.suspected()
    duty.sandbox.edit("gsb", "settings", unsafe_percent=100)
    duty.block(evidence=first)
    duty.wait(30)
    assert (read().active_domain, verdict(A), duty.waiting) == (A, "suspect", [MINUTE])


@pytest.mark.parametrize("age", [timedelta(minutes=31), timedelta(minutes=26), timedelta(hours=-1)])
def test_a18_old_evidence_and_evidence_from_before_the_activation_are_ignored(duty: Duty, age: timedelta) -> None:
    pipeline("P", A, B)
    if age < timedelta(0):
        first = duty.suspected(at=now() + age)
    else:
        first = duty.suspected()
        duty.wait(age.total_seconds())
    duty.block(evidence=first)
    assert (read().active_domain, duty.waiting, duty.sandbox.journal("gsb")) == (A, [], [])


def test_a6_a_disabled_pipeline_is_left_alone(duty: Duty) -> None:
    pipeline("P", A, B)
    execute("update tracking_domain_pipeline set enabled = %s", (False,))
    duty.confirmed()
    duty.block(B, "MANUAL")
    assert (read().active_domain, duty.waiting) == (A, [])


def test_a10_without_a_spare_the_pipeline_is_exhausted_and_no_platform_is_touched(duty: Duty) -> None:
    pipeline("P", A, with_update_voluum=True, with_update_affise=True)
    duty.confirmed()
    assert (read().active_domain, str(read().status), read().blocked_domains) == (None, "exhausted", [A])
    last = yard.switches()[-1]
    assert (last.to_domain_id, [task for task, _ in duty.sent]) == (None, ["announce_pipeline_switch"])
    assert duty.sandbox.journal("voluum") + duty.sandbox.journal("affise") == []


def test_names_that_nobody_resolves_are_asked_again_and_one_answer_drops_it(duty: Duty) -> None:
    pipeline("P", A, B)
    duty.confirmed(source=Source.DNS, reason="DNS_NOT_RESOLVABLE")
    assert (read().active_domain, yard.switches()[-1].reason) == (B, "DNS_NOT_RESOLVABLE")
    pipeline("Q", C, D)
    first = duty.suspected(C, Source.DNS)
    duty.sandbox.host(C, dns="1=nx,2=ok,3=nx")
    duty.block(C, "DNS_NOT_RESOLVABLE", first)
    duty.wait(30)
    assert (read("Q").active_domain, verdict(C, Source.DNS)) == (C, "safe")


def test_a_signed_answer_needs_no_second_one(duty: Duty) -> None:
    pipeline("P", A, B)
    signed = duty.suspected(source=Source.GSC, canary_ok=None)
    duty.block(reason="GSC_UNSAFE", evidence=signed)
    assert (read().active_domain, yard.switches()[-1].evidence_id) == (B, signed.id)


def test_a_machine_reason_without_evidence_is_confirmed_like_any_other(duty: Duty) -> None:
    pipeline("P", A, B)
    duty.block()
    assert (read().active_domain, duty.waiting, verdict(A)) == (A, [], "safe")
    duty.sandbox.host(A, listed=["MALWARE"])
    duty.block()
    assert (read().active_domain, duty.waiting, verdict(A)) == (A, [HALF], "unsafe")
    duty.wait(30)
    last = yard.switches()[-1]
    assert (read().active_domain, str(last.trigger), last.observed_at) == (B, "check", NOON)


def test_an_order_in_words_needs_no_evidence_and_an_alert_is_no_order(duty: Duty) -> None:
    pipeline("P", A, B, C)
    told = ("DNS_BROKEN", "DNS_MISPOINTED", "DNS_SINKHOLED", "HTTP_DOWN", "LANDING_LISTED", "REGISTRAR_HOLD")
    for reason in (*told, "TLS_INVALID"):
        duty.block(reason=reason)
    duty.block(evidence=yard.answer(A, Verdict.SUSPECT))
    duty.wait(31)
    assert (read().active_domain, duty.sandbox.journal("gsb")) == (A, [])
    duty.block(reason="the partner asked for it")
    last = yard.switches()[-1]
    assert (read().active_domain, str(last.trigger), last.reason) == (B, "manual", "the partner asked for it")


def test_a_bad_certificate_moves_only_pipelines_that_want_that(duty: Duty) -> None:
    pipeline("P", A, B)
    duty.sandbox.host(A, tls="expired")
    execute("update tracking_domain_pipeline set block_on_tls = %s", (True,))
    first = yard.answer(A, Verdict.UNSAFE, Source.TLS)
    duty.block(reason="TLS_INVALID", evidence=first)
    duty.wait(30)
    assert read().active_domain == B


def test_a_listed_spare_is_passed_over_and_named(duty: Duty) -> None:
    pipeline("P", A, B, C, D)
    duty.sandbox.host(B, listed=["MALWARE"])
    duty.sandbox.host(C, dns="nx")
    for source in (Source.TLS, Source.RDAP):
        yard.answer(D, Verdict.SAFE, source)
    duty.confirmed()
    last = yard.switches()[-1]
    assert (read().active_domain, last.unverified) == (D, False)
    named = [(each["domain"], each["faults"][0]) for each in last.skipped]
    assert named == [(B, "gsb: bad"), (C, "dns: bad")]


def test_a_spare_that_nobody_can_tell_about_is_used_as_unverified(duty: Duty) -> None:
    pipeline("P", A, B)
    yard.ready(B)
    for name in ("canary-ok.sandbox.test", "canary-two.sandbox.test"):
        duty.sandbox.host(name, dns="servfail")
    duty.confirmed()
    last = yard.switches()[-1]
    assert (read().active_domain, last.unverified) == (B, True)


def test_within_the_cool_down_it_waits_for_the_end_and_is_decided_again(duty: Duty) -> None:
    pipeline("P", A, B, C)
    duty.confirmed(source=Source.DNS, reason="DNS_NOT_RESOLVABLE")
    duty.wait(60)
    before = counted("cool_down")
    duty.confirmed(B, Source.DNS, "DNS_NOT_RESOLVABLE")
    assert (read().active_domain, duty.waiting) == (B, [timedelta(seconds=510)])
    assert counted("cool_down") == before + 1
    duty.wait(510)
    assert (read().active_domain, duty.waiting) == (B, [HALF])
    duty.wait(30)
    assert read().active_domain == C
