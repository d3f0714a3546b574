"""When to tell people about messages that were given up: when their set has changed, and else once a day."""

from __future__ import annotations

from dataclasses import dataclass

from config.catalog import TASKS, Area
from config.clock import now
from models import open_letters
from models.open_letters import OpenLetters

REPORTER = "report_dead_letters"


@dataclass(frozen=True, slots=True)
class Report:
    """What is open, and whether people must hear of it now."""

    letters: OpenLetters | None
    news: bool

    @property
    def total(self) -> int:
        """How many letters are open; the next report compares with it."""
        return self.letters.total if self.letters else 0


def report() -> Report:
    """Look at the open letters of the ad network's tasks."""
    tasks = [task.name for task in TASKS.values() if task.area is Area.ADS]
    letters = open_letters.of_tasks(tasks)
    return Report(letters, letters is not None and _is_news(letters))


def _is_news(letters: OpenLetters) -> bool:
    """The last good run told of the set of its moment; a new letter changes the newest one, a settled one the count."""
    last = open_letters.last_run(REPORTER)
    if last is None:
        return True
    told_at, told = last
    return told != letters.total or letters.newest_at > told_at or told_at.date() < now().date()
