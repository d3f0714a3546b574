"""Proposals to switch that wait for a person: one open for each pipeline, decided once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import execute, fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal with the names of what it is about; `decision` is None while it is open."""

    id: int
    pipeline_id: int
    pipeline: str
    domain_id: int
    domain: str
    reason: str
    evidence_id: int | None
    expected_seq: int
    expires_at: datetime
    decision: str | None
    decided_by: str | None


_SELECT = """
select o.id, o.pipeline_id, l.name, o.domain_id, d.name, o.reason, o.evidence_id, o.expected_seq, o.expires_at,
    o.decision, o.decided_by
from switch_proposal o join tracking_domain_pipeline l on l.id = o.pipeline_id
join tracking_domain d on d.id = o.domain_id
"""
_ONE = _SELECT + "where o.id = %s"
_OPEN = _SELECT + "where o.pipeline_id = %s and o.decision is null"
_AGREED = (
    _SELECT
    + """where o.pipeline_id = %s and o.domain_id = %s and o.expected_seq = %s
    and o.decision = 'accepted' and o.expires_at > %s order by o.id desc limit 1
"""
)
_PUT = """
insert into switch_proposal (pipeline_id, domain_id, reason, evidence_id, expected_seq, expires_at, created_at)
values (%s, %s, %s, %s, %s, %s, %s) returning id
"""
_RENEW = "update switch_proposal set evidence_id = %s where id = %s and decision is null"
_DECIDE = "update switch_proposal set decision = %s, decided_by = %s where id = %s and decision is null"
_IGNORE = """
update switch_proposal set decision = 'ignored', decided_by = %s, expires_at = %s where id = %s and decision is null
"""
_VOID = """
update switch_proposal set decision = 'unconfirmed'
where pipeline_id = %s and domain_id = %s and expected_seq = %s and decision = 'accepted' and expires_at > %s
"""
_IGNORED = """
select 1 from switch_proposal where pipeline_id = %s and domain_id = %s and decision = 'ignored' and expires_at > %s
limit 1
"""


def find(proposal_id: int) -> Proposal | None:
    """The proposal with this id."""
    return _first(fetch(_ONE, (proposal_id,)))


def open_of(pipeline_id: int) -> Proposal | None:
    """The one that waits, or has waited for too long."""
    return _first(fetch(_OPEN, (pipeline_id,)))


def put(
    pipeline_id: int, domain_id: int, reason: str, evidence_id: int | None, seq: int, at: datetime, until: datetime
) -> int:  # fmt: skip
    """Store a proposal, in the caller's transaction, the pipeline held still and none open; its id."""
    values = (pipeline_id, domain_id, reason, evidence_id, seq, bind(until), bind(at))
    return int(fetch(_PUT, values)[0][0])


def renew(proposal_id: int, evidence_id: int | None) -> bool:
    """Let an open proposal rest on newer evidence; False if it was decided."""
    return execute(_RENEW, (evidence_id, proposal_id)) == 1


def decide(proposal_id: int, decision: str, by: str) -> bool:
    """Note what became of a proposal; False if that was decided before."""
    return execute(_DECIDE, (decision, by, proposal_id)) == 1


def ignore(proposal_id: int, by: str, until: datetime) -> bool:
    """Note that nobody shall be asked again before an instant; False if it was decided before."""
    return execute(_IGNORE, (by, bind(until), proposal_id)) == 1


def ignored(pipeline_id: int, domain_id: int, at: datetime) -> bool:
    """Whether somebody has said that this domain may stay for now."""
    return bool(fetch(_IGNORED, (pipeline_id, domain_id, bind(at))))


def agreed(pipeline_id: int, domain_id: int, seq: int, at: datetime) -> Proposal | None:
    """The one that a person has accepted, if it is about the pipeline as it stands."""
    return _first(fetch(_AGREED, (pipeline_id, domain_id, seq, bind(at))))


def void(pipeline_id: int, domain_id: int, seq: int, at: datetime) -> int:
    """Take back what was agreed to and not done yet; how many."""
    return execute(_VOID, (pipeline_id, domain_id, seq, bind(at)))


def _first(rows: Sequence[tuple[Any, ...]]) -> Proposal | None:
    if not rows:
        return None
    number, pipeline_id, pipeline, domain_id, domain, reason, row, seq, until, decision, by = rows[0]
    return Proposal(
        int(number), int(pipeline_id), pipeline, int(domain_id), domain, reason, row, int(seq), instant(until),
        decision, by,
    )  # fmt: skip
