"""Switches that wait for a person: opened by a brake, asked again when they expire, accepted or ignored once."""

from __future__ import annotations

from datetime import timedelta

from config.clock import now
from core.domains.cases import Case
from core.domains.persons import AlreadyChanged, By, Refused, record
from core.domains.pipelines import subject
from models import conflicts, pipelines
from models import proposals as rows
from models.pipelines import hold_still
from models.proposals import Proposal

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


def accept(proposal_id: int, by: By) -> Proposal:
    """Agree to a switch, which follows when the domain, asked about once more, is still bad; ask about it then.

    Raises AlreadyChanged if somebody was faster, Refused if it has expired.
    """
    return conflicts.transaction(lambda: _accept(_found(proposal_id), by))


def _accept(proposal: Proposal, by: By) -> Proposal:
    hold_still([proposal.pipeline_id])
    proposal = _waiting(_found(proposal.id))
    before, seq = {"active": proposal.domain}, proposal.expected_seq
    record(by, "proposal.accept", subject(proposal.pipeline), reason=proposal.reason, before=before, seq=seq)
    rows.decide(proposal.id, "accepted", by.name)
    return proposal


def agreed(case: Case) -> Proposal | None:
    """The proposal that a person has accepted, if it is about the pipeline as it stands."""
    return rows.agreed(case.pipeline_id, case.evidence.domain_id, case.seq, now())


def void(case: Case) -> None:
    """Forget what was agreed to, because the domain turned out to be clean; in the caller's transaction."""
    rows.void(case.pipeline_id, case.evidence.domain_id, case.seq, now())


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
