"""Switches that wait for a person: opened by a brake, asked again when they expire, accepted or ignored once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from config.clock import now
from core.domains import confirming, preflight
from core.domains.brakes import CONFIRMED, MAX_AGE
from core.domains.cases import Case
from core.domains.confirming import Target
from core.domains.persons import AlreadyChanged, By, Refused, record
from core.domains.pipelines import subject
from models import conflicts, pipelines, switches
from models import proposals as rows
from models.domain_states import Role, Source, Trigger, Verdict
from models.domains import DomainEvidence
from models.pipelines import hold_still
from models.proposals import Proposal
from models.switches import Order, Switched

LASTS = timedelta(hours=6)
"""How long a proposal stands, and how long an ignored domain is left alone."""
HOURS = LASTS / timedelta(hours=1)


def open_(case: Case, reason: str, evidence_id: int | None) -> tuple[Proposal, bool] | None:
    """The open proposal to leave the active domain, and whether it is new, in the caller's transaction.

    None while somebody has said that the domain may stay. An open one rests on the newer evidence from now on; one
    that expired, or was about an earlier state of the pipeline, makes room for a new one.
    """
    hold_still([case.pipeline_id])
    at, domain_id = now(), case.evidence.domain_id
    if rows.ignored(case.pipeline_id, domain_id, at):
        return None
    standing = rows.open_of(case.pipeline_id)
    if standing and (standing.domain_id, standing.expected_seq) == (domain_id, case.seq) and standing.expires_at > at:
        rows.renew(standing.id, evidence_id)
        return standing, False
    if standing:
        rows.decide(standing.id, "expired" if standing.expires_at <= at else "superseded", "system")
    number = rows.put(case.pipeline_id, domain_id, reason, evidence_id, case.seq, at, at + LASTS)
    return _found(number), True


def accept(proposal_id: int, by: By, then: Callable[[Switched], object] = lambda made: None) -> Switched:
    """Switch as proposed, after asking once more about the domain; `then` runs in the transaction of the switch.

    Raises AlreadyChanged if somebody was faster, Refused if it expired, or if the domain is not bad any more as far
    as can be told. Talks to the network: hold no transaction.
    """
    proposal = _waiting(_found(proposal_id))
    proof = _proof(proposal)
    preflight.prove(pipelines.line(proposal.pipeline_id))
    return conflicts.transaction(lambda: _accept(proposal, by, proof, then))


def _proof(proposal: Proposal) -> DomainEvidence:
    """The answer of this moment, or one that is signed and still counts; raises Refused."""
    first = confirming.first(proposal.evidence_id)
    source = Source(first.source) if first else Source.GSB
    seen = first.subject if first else ""
    look = confirming.look(Target(proposal.pipeline_id, proposal.domain_id, proposal.domain, seen), source)
    row = conflicts.transaction(lambda: confirming.keep(look, suspected=True))
    if first and source in CONFIRMED and now() - first.observed_at <= MAX_AGE[source]:
        return first
    fresh = confirming.first(row)
    if look.verdict is Verdict.UNSAFE and look.finding.canary_ok and fresh is not None:
        return fresh
    said = "is not listed or denied any more" if look.verdict is Verdict.SAFE else "could not be confirmed just now"
    raise Refused(f"domain: {proposal.domain} {said}; nothing was changed, a switch by hand remains possible")


def _accept(proposal: Proposal, by: By, proof: DomainEvidence, then: Callable[[Switched], object]) -> Switched:
    hold_still([proposal.pipeline_id])
    _waiting(_found(proposal.id))
    facts = {"proposal": proposal.id, "seq": proposal.expected_seq + 1}
    before = {"active": proposal.domain}
    record(by, "proposal.accept", subject(proposal.pipeline), reason=proposal.reason, before=before, **facts)
    rows.decide(proposal.id, "accepted", by.name)
    order = Order(
        reason=proposal.reason, actor=by.name, trigger=Trigger.MANUAL, seq=proposal.expected_seq,
        evidence_id=proof.id, observed_at=proof.observed_at, about=proposal.domain_id,
    )  # fmt: skip
    made = switches.move(proposal.pipeline_id, order, Role.BLOCKED, now())
    if made is None:
        raise _overtaken()
    then(made)
    return made


def ignore(proposal_id: int, by: By) -> Proposal:
    """Let the domain stay for some hours, during which nobody is asked again; raises as `accept`."""
    return conflicts.transaction(lambda: _ignore(_found(proposal_id), by))


def _ignore(proposal: Proposal, by: By) -> Proposal:
    hold_still([proposal.pipeline_id])
    proposal = _waiting(_found(proposal.id))
    record(by, "proposal.ignore", subject(proposal.pipeline), reason=proposal.reason, proposal=proposal.id)
    rows.ignore(proposal.id, by.name, now() + LASTS)
    return proposal


def _found(proposal_id: int) -> Proposal:
    found = rows.find(proposal_id)
    if found is None:
        raise Refused(f"proposal: there is no proposal {proposal_id}")
    return found


def _waiting(proposal: Proposal) -> Proposal:
    """The proposal, if it may still be decided; an order of events, so that the loser of a race reads who won."""
    if proposal.decision in ("accepted", "superseded"):
        raise _overtaken()
    if proposal.decision == "ignored":
        raise AlreadyChanged(f"already changed: {proposal.decided_by} has ignored it")
    if proposal.decision is not None or proposal.expires_at <= now():
        raise Refused("proposal: it has expired; a new one comes while the domain is still unsafe")
    if pipelines.line(proposal.pipeline_id).pipeline.seq != proposal.expected_seq:
        raise _overtaken()
    return proposal


def _overtaken() -> AlreadyChanged:
    return AlreadyChanged("already changed: the pipeline has moved since this was proposed; look again")
