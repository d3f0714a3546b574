"""When a task is due: pure triggers on real instants, the same on every machine and after every restart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from cronsim import CronSim, CronSimError

from config import catalog
from config.settings import get_settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = re.compile(r"every (\d+)(?: s)?")


class BadSpec(ValueError):
    """The text is neither a cron line of five fields nor `every <seconds>`."""


class Due(BaseTrigger):  # type: ignore[misc]
    """A trigger whose due times do not depend on when it was built or last asked."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The due times later than this instant, in order, UTC, without end for most triggers."""
        raise NotImplementedError

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The due times later than `after` and not later than `until`, in order."""
        return takewhile(lambda due: due <= until, self.after(after))

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next due time; what passed while the process slept is left to the sweep, which reads the database."""
        return next(self.after(max(previous_fire_time or now, now)), None)


class Interval(Due):
    """The multiples of a period since the epoch, so that restarts and several schedulers agree."""

    def __init__(self, seconds: int) -> None:
        if seconds < 1:
            raise BadSpec("the period must be at least one second")
        self._period = timedelta(seconds=seconds)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The multiples later than this instant."""
        due = _EPOCH + ((instant - _EPOCH) // self._period) * self._period
        while True:
            due += self._period
            yield due


class Cron(Due):
    """A cron line in a zone: what falls into the spring gap runs right after it, what repeats in autumn runs once."""

    def __init__(self, line: str, zone: str = "UTC") -> None:
        self._line, self._zone = line, UTC if zone == "UTC" else ZoneInfo(zone)
        _check_cron(line)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The due times later than this instant."""
        last = instant
        for local in CronSim(self._line, instant.astimezone(self._zone)):
            due = local.astimezone(UTC)
            # a fixed time is searched on the wall clock, which stands before `instant` in the repeated hour
            if due > last:
                last = due
                yield due


def _check_cron(line: str) -> None:
    fields = line.split()
    if len(fields) != 5:
        raise BadSpec("a cron line has five fields: minute, hour, day, month, weekday")
    if re.search(r"\d", re.sub(r"[#/]\d+", "", fields[4])):
        raise BadSpec("write weekdays by name, MON to SUN; numbers mean different days in different programs")
    try:
        CronSim(line, _EPOCH)
    except CronSimError as error:
        raise BadSpec(f"{error} in the cron line") from error


def parse(spec: str, zone: str = "UTC") -> Due:
    """The trigger of a cron line or of `every <seconds>`; raises BadSpec saying what would be right."""
    period = _EVERY.fullmatch(spec.strip())
    return Interval(int(period[1])) if period else Cron(spec, zone)


def trigger_of(task: catalog.Task, spec: str | None, zone: str = "UTC") -> Due:
    """The trigger of a periodic task: what the operator wrote, else what the catalog says."""
    if spec is not None:
        return parse(spec, zone)
    if task.trigger is None:
        raise BadSpec(f"{task.name} is not periodic")
    trigger = task.trigger
    wished: Any = getattr(get_settings(), trigger.setting) if trigger.setting else None
    return Interval(wished or trigger.every) if trigger.every else Cron(trigger.cron or "", wished or zone)
