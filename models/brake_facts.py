"""What the brakes count: active domains and bad ones, switches of a day, listings of the pages behind a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import bulk
from models.database import fetch
from models.domain_states import Reason, Trigger
from models.fields import bind, instant

_FLEET = """
select count(*), coalesce(sum(case when exists (
    select 1 from domain_state s where s.domain_id = p.domain_id and s.source in ('gsb', 'dns', 'gsc')
        and s.verdict in ('suspect', 'unsafe') and s.observed_at >= p.role_since and s.observed_at >= {instant})
    then 1 else 0 end), 0)
from pipeline_domain p join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role = 'active' and l.enabled
"""
_SWITCHES = """
select decided_at, trigger, reason from domain_switch
where pipeline_id = %s and trigger <> 'create' and decided_at >= {instant} order by seq
"""
_LISTED = """
select 1 from domain_evidence e join pipeline_destination x on x.url = e.subject
where x.pipeline_id = %s and e.domain_id = %s and e.source = 'gsb' and e.verdict = 'unsafe'
    and e.observed_at >= {instant} limit 1
"""
_LISTINGS = frozenset({Reason.GSB_UNSAFE.value, Reason.GSC_UNSAFE.value})


@dataclass(frozen=True, slots=True)
class PastSwitch:
    """A switch as the brakes see it."""

    at: datetime
    automatic: bool
    listing: bool


def fleet(since: datetime) -> tuple[int, int]:
    """(active domains of enabled pipelines, those of them that went bad since then, confirmed or not)."""
    active, bad = bulk.read(_FLEET, (bind(since),))[0]
    return int(active), int(bad)


def switches(pipeline_id: int, since: datetime) -> list[PastSwitch]:
    """Switches of a pipeline since then, without its creation."""
    rows = bulk.read(_SWITCHES, (pipeline_id, bind(since)))
    return [PastSwitch(instant(at), trigger == Trigger.CHECK, reason in _LISTINGS) for at, trigger, reason in rows]


def destination_listed(pipeline_id: int, domain_id: int, since: datetime) -> bool:
    """Whether a page behind a pipeline was found listed since then."""
    return bool(bulk.read(_LISTED, (pipeline_id, domain_id, bind(since))))


def enabled_with_active(domain: str) -> int | None:
    """The enabled pipeline whose active domain this is."""
    rows = fetch(
        "select p.pipeline_id from pipeline_domain p join tracking_domain d on d.id = p.domain_id "
        "join tracking_domain_pipeline l on l.id = p.pipeline_id where d.name = %s and p.role = 'active' and l.enabled",
        (domain,),
    )
    return int(rows[0][0]) if rows else None
