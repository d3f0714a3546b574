"""Whom a sweep looks at: active domains of enabled pipelines, the pages behind them, addresses that people click."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import bulk
from models.domain_states import Verdict
from models.fields import bind, instant

_TARGETS = """
select l.id, l.name, d.id, d.name, l.expected_cname, l.held_by, s.verdict, s.first_bad_at,
    s.changed_at
from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id
left join domain_state s on s.domain_id = d.id and s.source = 'dns' and s.streak > 0
where p.role = 'active' and l.enabled order by d.name
"""
_PAGES = """
select p.domain_id, l.name, x.url from pipeline_destination x
join pipeline_domain p on p.pipeline_id = x.pipeline_id and p.role = 'active'
join tracking_domain_pipeline l on l.id = p.pipeline_id
where l.enabled order by x.url, l.name
"""
# the newest campaign of each pipeline that was read before it was changed
_CLICKS = """
select s.pipeline_id, c.whole ->> 'url' from platform_change c join domain_switch s on s.id = c.switch_id
where c.id in (select max(k.id) from platform_change k join domain_switch w on w.id = k.switch_id
    where k.platform = 'voluum' and k.whole is not null group by w.pipeline_id)
"""
_BAD_LATELY = """
select p.domain_id from pipeline_domain p join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role = 'active' and l.enabled and exists (
    select 1 from domain_state s where s.domain_id = p.domain_id and s.source in ('gsb', 'dns', 'gsc')
        and s.verdict in ('suspect', 'unsafe') and s.observed_at >= p.role_since and s.observed_at >= {instant})
"""
_STILL_BAD = """
select distinct domain_id from domain_state
where domain_id {in:int} and source in ('gsb', 'dns', 'gsc') and verdict in ('suspect', 'unsafe')
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the resolvers said of a domain before; `since` is when they began to say that."""

    verdict: Verdict
    first_bad_at: datetime | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """An active domain; `held_by` is who holds its pipeline, `dns` None if no resolver was asked about it yet."""

    pipeline_id: int
    pipeline: str
    domain_id: int
    domain: str
    expected_cname: str | None
    held_by: str | None
    dns: Known | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page behind a pipeline, and the domain that leads there now."""

    domain_id: int
    pipeline: str
    url: str


def targets() -> list[Target]:
    """The active domain of every enabled pipeline, by its name."""
    return [_target(*row) for row in bulk.read(_TARGETS)]


def _target(
    number: int, pipeline: str, domain_id: int, domain: str, cname: str | None, held_by: str | None, verdict: Any,
    bad: Any, since: Any,
) -> Target:  # fmt: skip
    known = None if verdict is None else Known(Verdict(verdict), None if bad is None else instant(bad), instant(since))
    return Target(int(number), pipeline, int(domain_id), domain, cname, held_by, known)


def pages() -> list[Page]:
    """The pages behind these pipelines, a page of several once for each."""
    return [Page(int(domain_id), pipeline, url) for domain_id, pipeline, url in bulk.read(_PAGES)]


def click_urls() -> dict[int, str]:
    """An address of a campaign by pipeline, where one is known; its host may be that of a former domain."""
    return {int(number): url for number, url in bulk.read(_CLICKS) if url}


def bad_lately(since: datetime) -> set[int]:
    """Active domains of enabled pipelines that some source has called bad since then, confirmed or not."""
    return {int(domain_id) for (domain_id,) in bulk.read(_BAD_LATELY, (bind(since),))}


def still_bad(domain_ids: Iterable[int]) -> set[int]:
    """Those of these domains that some source calls bad."""
    return {int(domain_id) for (domain_id,) in bulk.read(_STILL_BAD, (bulk.among(domain_ids),))}
