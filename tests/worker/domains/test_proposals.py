"""A switch that waits for a person: agreed to, asked about once more, made in their name; or left alone for hours."""

from __future__ import annotations

import pytest

from core.domains import pipelines
from core.domains.persons import AlreadyChanged, Refused
from models import audit
from models.domain_states import Mode, Source
from models.proposals import open_of
from tests.conftest import SettingsEnv
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, pipeline, read
from tests.worker.domains.duty import A, B, C, Duty, buttons, incident
from worker.domains import persons


def proposal(name: str = "P") -> int:
    found = open_of(read(name).id)
    assert found is not None, "no open proposal"
    return found.id


def test_a23_an_accepted_proposal_is_confirmed_anew_and_switches_in_the_name_of_the_person(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.SUGGEST)
    duty.confirmed()
    assert (read().active_domain, buttons("unsafe", A)) == (A, ["Switch", "Ignore 6 h"])
    duty.wait(5 * 3600)
    number = proposal()
    persons.accept_proposal(number, ANNA)
    with pytest.raises(AlreadyChanged, match="already changed"):
        persons.accept_proposal(number, ANNA)
    duty.run()
    last = yard.switches()[-1]
    assert (read().active_domain, str(last.trigger), last.actor, last.reason) == (B, "manual", "anna", "GSB_UNSAFE")
    assert last.observed_at == last.decided_at
    assert incident("unsafe", A) is None
    with pytest.raises(AlreadyChanged, match="already changed"):
        persons.ignore_proposal(number, ANNA)
    assert [row.action for row in audit.page(limit=2)] == ["pipeline.block", "proposal.accept"]


def test_a23_a_proposal_that_expired_or_was_overtaken_is_refused(duty: Duty) -> None:
    pipeline("P", A, B, C, mode=Mode.SUGGEST)
    duty.confirmed()
    late = proposal()
    duty.wait(6 * 3600 + 1)
    with pytest.raises(Refused, match="expired"):
        persons.accept_proposal(late, ANNA)
    duty.confirmed()
    again = proposal()
    assert again != late
    pipelines.switch("P", ANNA, "by hand")
    with pytest.raises(AlreadyChanged, match="already changed"):
        persons.accept_proposal(again, ANNA)
    with pytest.raises(Refused, match="no proposal 99"):
        persons.ignore_proposal(99, ANNA)
    duty.run()
    assert read().active_domain == B


def test_what_was_agreed_to_is_void_once_the_domain_is_clean(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.SUGGEST)
    duty.confirmed()
    duty.sandbox.host(A, listed=[])
    persons.accept_proposal(proposal(), ANNA)
    duty.run()
    assert read().active_domain == A
    duty.wait(600)
    duty.confirmed()
    assert (read().active_domain, proposal() > 1) == (A, True)


def test_an_ignored_domain_is_left_alone_for_six_hours_and_proposed_again_loudly(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.SUGGEST)
    duty.confirmed()
    persons.ignore_proposal(proposal(), ANNA)
    found = incident("unsafe", A)
    assert found is not None
    assert (found.acked_by, found.repeat_at) == ("anna", None)
    duty.confirmed()
    assert open_of(read().id) is None
    duty.wait(6 * 3600)
    duty.confirmed()
    anew = incident("unsafe", A)
    assert anew is not None
    assert (proposal() > 1, anew.acked_by) == (True, None)


def test_what_was_agreed_to_is_asked_again_while_nobody_can_tell(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.SUGGEST)
    duty.confirmed()
    fault = duty.sandbox.fault("gsb", {"type": "status", "status": 503})
    persons.accept_proposal(proposal(), ANNA)
    duty.run()
    duty.wait(60)
    assert (read().active_domain, len(duty.waiting)) == (A, 1)
    duty.sandbox.control("DELETE", f"faults/{fault}")
    duty.wait(60)
    assert (read().active_domain, yard.switches()[-1].actor) == (B, "anna")


def test_what_was_agreed_to_about_a_signed_answer_rests_on_that(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.SUGGEST)
    signed = duty.suspected(source=Source.GSC, canary_ok=None)
    duty.block(reason="GSC_UNSAFE", evidence=signed)
    duty.wait(3600)
    persons.accept_proposal(proposal(), ANNA)
    duty.run()
    last = yard.switches()[-1]
    assert (read().active_domain, last.actor, last.evidence_id) == (B, "anna", signed.id)


def test_no_brake_binds_a_person_who_has_agreed(duty: Duty, settings_env: SettingsEnv) -> None:
    pipeline("P", A, B, C, mode=Mode.SUGGEST)
    persons.switch("P", ANNA, "slow", to=B)
    duty.wait(1)
    settings_env(SWITCH_COOL_DOWN="0")
    duty.confirmed(B)
    settings_env(SWITCH_COOL_DOWN="600")
    persons.accept_proposal(proposal(), ANNA)
    duty.run()
    assert read().active_domain == C
