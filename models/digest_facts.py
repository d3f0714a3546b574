"""What the daily message tells: incidents by kind, switches and blocks of the day, how the last checks went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.database import fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The newest sweep of a source; `action` blind says that its answers were not believed."""

    source: str
    started_at: datetime
    ended: bool
    action: str | None


_OPEN = """
select kind, count(*) from alert where resolved_at is null and kind <> 'storm' and severity <> 'info'
group by kind order by 2 desc, kind
"""
_INFO = """
select kind, count(*) from alert where severity = 'info' and last_seen_at >= %s group by kind order by 2 desc, kind
"""
_SWITCHES = """
select l.name, count(*) from domain_switch s join tracking_domain_pipeline l on l.id = s.pipeline_id
where s.decided_at >= %s and s.trigger <> 'create' group by l.name order by 2 desc, l.name
"""
_BLOCKS = "select count(distinct domain_id) from pipeline_domain where role = 'blocked' and blocked_at >= %s"
_CHECKS = """
select source, started_at, ended_at, action from check_cycle
where id in (select max(id) from check_cycle group by source) order by source
"""


def open_kinds() -> list[tuple[str, int]]:
    """(kind, how many) of open incidents that people were told of, the most frequent first."""
    return [(str(kind), int(count)) for kind, count in fetch(_OPEN)]


def quiet_kinds(since: datetime) -> list[tuple[str, int]]:
    """(kind, how many) of incidents that were only kept for the digest."""
    return [(str(kind), int(count)) for kind, count in fetch(_INFO, (bind(since),))]


def switches(since: datetime) -> list[tuple[str, int]]:
    """(pipeline, how many switches), the most frequent first."""
    return [(str(name), int(count)) for name, count in fetch(_SWITCHES, (bind(since),))]


def blocks(since: datetime) -> int:
    """How many domains were blocked and still are."""
    return int(fetch(_BLOCKS, (bind(since),))[0][0])


def last_checks() -> list[LastCheck]:
    """The newest sweep of each source."""
    return [LastCheck(str(one), instant(at), ended is not None, action) for one, at, ended, action in fetch(_CHECKS)]
