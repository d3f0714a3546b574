"""An active domain that is said to be bad: whether it is, what stands against leaving it, and the leaving."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from config.clock import now
from config.settings import get_settings
from core.domains import cases, confirming, proposals
from core.domains.brakes import CONFIRMED, MAX_AGE, Decision, Ignore, Switch
from core.domains.cases import Case
from core.domains.confirming import Look, Target
from core.domains.persons import By, record
from core.domains.pipelines import subject
from models import conflicts, pipelines, switches
from models.domain_states import Reason, Role, Source, Trigger, Verdict
from models.domains import DomainEvidence, TrackingDomainPipeline
from models.pipelines import hold_still
from models.switches import Order, Switched

SOURCES = {
    Reason.GSB_UNSAFE.value: Source.GSB,
    Reason.DNS_NOT_RESOLVABLE.value: Source.DNS,
    Reason.GSC_UNSAFE.value: Source.GSC,
    Reason.TLS_INVALID.value: Source.TLS,
}
"""Reasons of machines, which need evidence, and who gives it; any other text is an order."""
ALERTS_ONLY = frozenset(
    {"DNS_BROKEN", "DNS_MISPOINTED", "DNS_SINKHOLED", "HTTP_DOWN", "LANDING_LISTED", "REGISTRAR_HOLD"}
)
"""Reasons that are told and never acted on."""
AGAIN = timedelta(seconds=60)
TOO_OLD = timedelta(minutes=25)
"""A listing that nobody got round to for so long is left to the next check."""
SYSTEM = By("system", kind="system")
_BEFORE_THE_SECOND = frozenset({"gone", "stale", "checker_blind"})


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked for: to leave a domain, why, and the answer that it rests on, if there is one."""

    domain: str
    reason: str
    evidence_id: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at this instant, with this evidence; `why` is what is waited for, `incident` what is told meanwhile."""

    until: datetime
    evidence_id: int | None
    why: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be done about a call, and what that rests on; `case` is None if no pipeline uses the domain.

    `by` is the person who has agreed to the switch, if it was proposed.
    """

    call: Call
    decision: Decision | Wait
    case: Case | None = None
    first: DomainEvidence | None = None
    look: Look | None = None
    by: str = ""


def judge(call: Call) -> Judged:
    """What to do about a domain that is said to be bad; takes the second answer if that is due, and stores it.

    Talks to the network: hold no transaction.
    """
    call = replace(call, domain=call.domain.strip().rstrip(".").lower())
    if call.reason in ALERTS_ONLY:
        return Judged(call, Ignore("alert_only"))
    source = SOURCES.get(call.reason)
    if source is None:
        return _decided(call, None, None)
    first = confirming.first(call.evidence_id)
    return _first_answer(call, source) if first is None else _second_answer(call, first)


def _decided(call: Call, first: DomainEvidence | None, look: Look | None) -> Judged:
    """The decision over what is known by now; a signed answer stands without a second one."""
    signed = first is not None and first.source in CONFIRMED
    second = look.answer if look and not signed else None
    listed, clean = (look.listed, look.clean) if look else (False, False)
    case = cases.gather(call.domain, confirming.answer_of(first) if first else None, second, listed=listed, clean=clean)
    decision = case.decide(now()) if case else Ignore("gone")
    if case is None or not _is_bad(decision, look, signed=signed):
        return Judged(call, decision, case, first, look)
    # what a person has agreed to is bound by no brake, only by the domain being bad still
    agreed = proposals.agreed(case)
    return Judged(call, Switch() if agreed else decision, case, first, look, (agreed and agreed.decided_by) or "")


def _is_bad(decision: Decision, look: Look | None, *, signed: bool) -> bool:
    """Whether the domain is in use and, by what was seen last, still bad."""
    if decision == Ignore("gone"):
        return False
    if signed:
        return not (isinstance(decision, Ignore) and decision.reason in (*_BEFORE_THE_SECOND, "unconfirmed"))
    return look is not None and look.verdict is Verdict.UNSAFE and bool(look.finding.canary_ok)


def _first_answer(call: Call, source: Source) -> Judged:
    """Nothing to rest on: a live look is the first answer, and the second one follows in its time."""
    found = _decided(call, None, None)
    if found.case is None or _only_told(found.case, source):
        return found if found.case is None else Judged(call, Ignore("alert_only"), found.case)
    look = confirming.look(_target(call, found.case), source)
    row = _keep(look, found.case, suspected=False)
    if look.verdict is Verdict.UNSAFE:
        due = look.finding.observed_at + _confirm_after()
        proof = confirming.first(row)
        agreed = _decided(call, proof, look) if proof else found
        return agreed if agreed.by else Judged(call, Wait(due, row, "confirm"), found.case, None, look)
    return Judged(call, _not_bad(found.case, look), found.case, None, look)


def _not_bad(case: Case, look: Look) -> Decision | Wait:
    """What a person has agreed to is asked again while nobody can tell, and void once the domain is clean."""
    if look.verdict is Verdict.SAFE:
        return Ignore("unconfirmed")
    agreed = proposals.agreed(case)
    return Wait(now() + AGAIN, None, "unknown") if agreed else Ignore("unknown", incident="unknown")


def _keep(look: Look, case: Case, *, suspected: bool, signed: bool = False) -> int | None:
    """Store a look; a clean one takes back what was agreed to, unless that rests on a signed answer."""

    def work() -> int | None:
        if look.verdict is Verdict.SAFE and not signed:
            proposals.void(case)
        return confirming.keep(look, suspected=suspected)

    return conflicts.transaction(work)


def _second_answer(call: Call, first: DomainEvidence) -> Judged:
    early = _decided(call, first, None)
    if early.case is None or first.verdict != Verdict.UNSAFE or _is_final(early.decision):
        return early
    source, due = Source(first.source), first.observed_at + _confirm_after()
    if _only_told(early.case, source):
        return Judged(call, Ignore("alert_only"), early.case, first)
    if now() > _ends(first):
        return Judged(call, Ignore("stale"), early.case, first)
    if now() < due and source not in CONFIRMED:
        return Judged(call, Wait(due, first.id, "confirm"), early.case, first)
    look = confirming.look(_target(call, early.case, first.subject), source)
    signed = source in CONFIRMED
    _keep(look, early.case, suspected=not signed, signed=signed)
    return _unless_unknown(_decided(call, first, look))


def _is_final(decision: Decision | Wait) -> bool:
    """Whether no second answer could change it."""
    return isinstance(decision, Ignore) and decision.reason in _BEFORE_THE_SECOND


def _unless_unknown(found: Judged) -> Judged:
    """When nobody could tell, ask again as long as the first answer counts; after that a person has to look."""
    assert found.first is not None
    assert found.look is not None
    told = isinstance(found.decision, Ignore) and found.decision.reason in ("unconfirmed", "checker_blind")
    if not told or (found.look.verdict is not Verdict.UNKNOWN and found.look.finding.canary_ok):
        return found
    assert isinstance(found.decision, Ignore)
    later = now() + AGAIN
    decision: Decision | Wait = Wait(later, found.first.id, found.decision.reason, found.decision.incident)
    if later > _ends(found.first):
        decision = Ignore("unknown", incident="unknown")
    return Judged(found.call, decision, found.case, found.first, found.look)


def _ends(first: DomainEvidence) -> datetime:
    """Until when an answer may be acted on, as far as it may wait for that."""
    longest = MAX_AGE[Source(first.source)]
    ends: datetime = first.observed_at + (min(longest, TOO_OLD) if first.source == Source.GSB else longest)
    return ends


def _confirm_after() -> timedelta:
    return timedelta(seconds=get_settings().confirm_after)


def _target(call: Call, case: Case, seen: str = "") -> Target:
    return Target(case.pipeline_id, case.evidence.domain_id, call.domain, seen)


def _only_told(case: Case, source: Source) -> bool:
    """A certificate is no reason to leave a domain unless the pipeline says so."""
    return source is Source.TLS and not TrackingDomainPipeline.get_by_id(case.pipeline_id).block_on_tls


def deferred(call: Call, first: DomainEvidence | None, until: datetime) -> Call:
    """The same call for later; an answer that will have lost its worth by then is asked for anew."""
    kept = first is not None and until < _ends(first)
    return call if first is None or kept else Call(call.domain, call.reason)


def switch(found: Judged) -> Switched | Judged:
    """Leave the domain, in the caller's transaction; judged anew if something stands against it by now."""
    assert found.case is not None
    hold_still([found.case.pipeline_id])
    fresh = _decided(found.call, found.first, found.look)
    if fresh.case is None or not isinstance(fresh.decision, Switch):
        return fresh
    name = pipelines.line(fresh.case.pipeline_id).pipeline.name
    before = {"active": fresh.call.domain}
    by = By(fresh.by) if fresh.by else SYSTEM
    record(by, "pipeline.block", subject(name), reason=found.call.reason, before=before, seq=fresh.case.seq + 1)
    made = switches.move(fresh.case.pipeline_id, _order(fresh, fresh.case), Role.BLOCKED, now())
    assert made is not None, "the rows are held still"
    return made


def trigger_of(found: Judged) -> Trigger:
    """Only a check that nobody had to agree to is automatic."""
    return Trigger.CHECK if found.first and not found.by else Trigger.MANUAL


def _order(found: Judged, case: Case) -> Order:
    first = found.first
    return Order(
        reason=found.call.reason, actor=found.by or SYSTEM.name, trigger=trigger_of(found), seq=case.seq,
        evidence_id=first.id if first else None, observed_at=first.observed_at if first else None,
        about=case.evidence.domain_id,
    )  # fmt: skip
