"""Blocked domains on their way back: clean answers that are counted, and which domains count as safe again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import bulk
from models.domain_states import Reason
from models.fields import bind

APART = timedelta(minutes=110)
"""Two runs of a schedule of two hours, less what they may be early or late."""
NEEDED = 2
_AUTOMATIC = tuple(reason.value for reason in Reason if reason is not Reason.MANUAL)
_CLEAN = """
update pipeline_domain set clean_count = clean_count + 1, last_clean_at = {instant}
where role = 'blocked' and domain_id {in:int} and (last_clean_at is null or last_clean_at <= {instant})
"""
_DIRTY = """
update pipeline_domain set clean_count = 0, last_clean_at = null
where role = 'blocked' and clean_count > 0 and domain_id {in:int}
"""
_WATCHED = """
select distinct d.id, d.name from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role = 'blocked' and l.enabled order by d.id
"""
_DUE = """
select d.name from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role = 'blocked' and l.enabled
group by d.id, d.name
having min(p.clean_count) >= %s and max(p.blocked_at) <= {instant}
    and min(case when p.block_reason {in:text} then 1 else 0 end) = %s
order by d.id
"""
_UNSAFE = """
select l.id, l.name, d.name, s.source, s.evidence_id
from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id join domain_state s on s.domain_id = d.id
where p.role = 'active' and l.enabled and s.verdict = 'unsafe' and s.source in ('gsb', 'dns', 'gsc')
    and s.observed_at >= p.role_since
order by l.id, case s.source when 'gsb' then 0 when 'gsc' then 1 else 2 end
"""
_REASONS = {"gsb": Reason.GSB_UNSAFE, "dns": Reason.DNS_NOT_RESOLVABLE, "gsc": Reason.GSC_UNSAFE}


@dataclass(frozen=True, slots=True)
class Unsafe:
    """An active domain whose latest answer is bad."""

    pipeline_id: int
    pipeline: str
    domain: str
    reason: Reason
    evidence_id: int | None


def watched() -> list[tuple[int, str]]:
    """(id, name) of every domain that is blocked in an enabled pipeline."""
    return [(int(number), name) for number, name in bulk.read(_WATCHED)]


def note(clean: Iterable[int], dirty: Iterable[int], at: datetime) -> None:
    """Count a clean answer for domains whose last one is old enough; a bad answer starts the count again."""
    bulk.run(_CLEAN, (bind(at), bulk.among(clean), bind(at - APART)))
    bulk.run(_DIRTY, (bulk.among(dirty),))


def safe_again(at: datetime, quiet: timedelta) -> list[str]:
    """Domains with clean answers enough that a machine has blocked long ago, wherever they are blocked."""
    return _due(at, quiet, automatic=1)


def safe_by_hand(at: datetime, quiet: timedelta) -> list[str]:
    """The same of domains that a person has blocked somewhere: only a person takes that back."""
    return _due(at, quiet, automatic=0)


def _due(at: datetime, quiet: timedelta, *, automatic: int) -> list[str]:
    values = (NEEDED, bind(at - quiet), bulk.among(_AUTOMATIC), automatic)
    return [name for (name,) in bulk.read(_DUE, values)]


def still_unsafe() -> list[Unsafe]:
    """Active domains of enabled pipelines whose latest answer is bad, each once."""
    found: dict[int, Unsafe] = {}
    for number, pipeline, domain, source, evidence_id in bulk.read(_UNSAFE):
        found.setdefault(int(number), Unsafe(int(number), pipeline, domain, _REASONS[source], evidence_id))
    return list(found.values())
