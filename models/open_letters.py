"""Messages that were given up and that nobody has looked after yet, counted for an alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models import bulk
from models.database import fetch
from models.fields import bind, instant

_OPEN = """
select task, count(*), min(first_seen_at), max(first_seen_at) from dead_letter
where state = 'dead' and task {in:text} group by task order by task
"""
_LAST_RUN = """
select started_at, rows_done from task_run where task = %s and result = 'done' order by started_at desc, id desc limit 1
"""


@dataclass(frozen=True, slots=True)
class OpenLetters:
    """What is open: how many by task, since when, and when the newest came."""

    counts: dict[str, int]
    oldest_at: datetime
    newest_at: datetime

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


def of_tasks(tasks: Sequence[str]) -> OpenLetters | None:
    """The open letters of these tasks; None if there are none."""
    rows = bulk.read(_OPEN, (bulk.among(tasks),))
    if not rows:
        return None
    oldest, newest = min(instant(row[2]) for row in rows), max(instant(row[3]) for row in rows)
    return OpenLetters({task: int(count) for task, count, *_ in rows}, oldest, newest)


def last_run(task: str) -> tuple[datetime, int] | None:
    """When a periodic task ended well last, by its start, and the number it returned."""
    rows = fetch(_LAST_RUN, (bind(task),))
    return (instant(rows[0][0]), int(rows[0][1] or 0)) if rows else None
