"""What the fields of objects at the platforms were last read with, and whose they are; written by read-backs only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import bulk
from models.fields import bind, instant

UNREAD = timedelta(minutes=30)
"""Nobody knows what a field shows that was not read for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A field of an object at a platform, as it was read: `domain` in the spelling of `tracking_domain.name`.

    `pipeline_id` None: nobody knows whose object it is, or it stays whose it was.
    """

    platform: str
    object_type: str
    object_id: str
    field: str
    domain: str
    seen_at: datetime
    pipeline_id: int | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it this field and no other."""
        return self.platform, self.object_type, self.object_id, self.field


_ROWS = bulk.Rows(
    "platform text, object_type text, object_id text, field text, pipeline_id int, seen_domain text, seen_at instant"
)
_RECORD = """
insert into platform_observation (platform, object_type, object_id, field, pipeline_id, seen_domain, seen_at)
select platform, object_type, object_id, field, pipeline_id, seen_domain, v.seen_at from {rows} where true
on conflict (platform, object_type, object_id, field) do update set
    pipeline_id = coalesce(excluded.pipeline_id, platform_observation.pipeline_id),
    seen_domain = excluded.seen_domain, seen_at = excluded.seen_at
where excluded.seen_at >= platform_observation.seen_at
"""
_COLUMNS = """
select platform, object_type, object_id, field, seen_domain, seen_at, pipeline_id from platform_observation
"""
_ALL = _COLUMNS + " where platform {in:text} order by 1, 2, 3, 4"
_OF_PIPELINE = _COLUMNS + " where pipeline_id = %s order by 1, 2, 3, 4"
_FORGET = "delete from platform_observation where platform = %s and seen_at < {instant}"


def record(rows: Sequence[Observation]) -> int:
    """Store what was read, each field once, with one statement; an older reading never replaces a newer one."""
    newest = {row.key: row for row in sorted(rows, key=lambda row: (row.key, row.seen_at))}
    values = [(*row.key, row.pipeline_id, row.domain, row.seen_at) for row in newest.values()]
    return _ROWS.run(_RECORD, values) if values else 0


def of(platforms: Iterable[str]) -> list[Observation]:
    """Everything that was read at these platforms, by its key."""
    return _read(bulk.read(_ALL, (bulk.among(platforms),)))


def of_pipeline(pipeline_id: int) -> list[Observation]:
    """Everything that was read of the objects of a pipeline, by its key."""
    return _read(bulk.read(_OF_PIPELINE, (pipeline_id,)))


def _read(rows: Iterable[Sequence[Any]]) -> list[Observation]:
    return [
        Observation(
            platform=platform, object_type=kind, object_id=number, field=name, domain=domain, seen_at=instant(at),
            pipeline_id=None if pipeline_id is None else int(pipeline_id),
        )
        for platform, kind, number, name, domain, at, pipeline_id in rows
    ]  # fmt: skip


def forget(platform: str, before: datetime) -> int:
    """Drop what no complete reading has shown since then, because it is not there any more; how many fields."""
    return bulk.run(_FORGET, (platform, bind(before)))
