"""What drift is judged by beside observations: steps under way, steps opened again, pages behind campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from models import bulk
from models.database import fetch
from models.fields import bind

REOPENED = "pipeline.reopen"
_PAGES = bulk.Rows("pipeline_id int, url text")
_GONE = """
delete from pipeline_destination where source = 'voluum' and pipeline_id {in:int} and not exists (
    select 1 from {rows} where v.pipeline_id = pipeline_destination.pipeline_id and v.url = pipeline_destination.url)
"""
_NEW = """
insert into pipeline_destination (pipeline_id, url, source) select pipeline_id, url, 'voluum' from {rows}
where true on conflict (pipeline_id, url) do nothing
"""
_SUBJECTS = bulk.Rows("object text")
_REOPENINGS = """
select a.object, count(*) from {rows} join audit_log a on a.object = v.object
where a.action = %s and a.at >= {instant} group by a.object
"""
_WORKING = """
select s.pipeline_id from switch_step t join domain_switch s on s.id = t.switch_id
join tracking_domain_pipeline l on l.id = s.pipeline_id and l.switch_seq = s.seq
where t.step = %s and t.state in ('pending', 'running') and s.pipeline_id {in:int}
"""


def replace(rows: Sequence[tuple[int, str]], pipeline_ids: Iterable[int]) -> None:
    """Let these (pipeline, page) pairs be what the campaigns of these pipelines lead to; those of people stay."""
    _PAGES.run(_GONE, rows, before=(bulk.among(pipeline_ids),))
    if rows:
        _PAGES.run(_NEW, rows)


def tracking_domains() -> set[str]:
    """The name of every tracking domain."""
    return {str(name) for (name,) in fetch("select name from tracking_domain")}


def reopenings(subjects: Sequence[str], since: datetime) -> dict[str, int]:
    """How often steps of pipelines, by their name in the audit log, were opened again since then."""
    rows = _SUBJECTS.fetch(_REOPENINGS, [(subject,) for subject in subjects], after=(REOPENED, bind(since)))
    return {str(subject): int(count) for subject, count in rows}


def working(step: str, pipeline_ids: Iterable[int]) -> set[int]:
    """Those of these pipelines whose newest switch is still being followed there."""
    return {int(number) for (number,) in bulk.read(_WORKING, (step, bulk.among(pipeline_ids)))}
