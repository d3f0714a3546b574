"""Days that are past their time leave the live tables, one at a time; what the balances rest on never does.

Clicks go by UTC day, statistics by the day of the reports. Where LOCAL_TIMEZONE is not UTC, clicks leave one day later
than the statistics: the clicks of a UTC day belong to up to three days of the reports, and none of them may lose some
of its clicks while it can still be computed again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from config.clock import now, today
from config.settings import get_settings
from core.ads import days
from models import archive, archive_checks, audit
from models.archive import AWAY, KEYS, ArchiveState
from models.audit import ActorKind
from models.database import db

ONE = timedelta(days=1)
REPORTS = ("stats_daily", "impression_daily", "block_view_daily")
CLICKS = ("click", "click_error")
Move = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a day stays where it is; `details` are sums that differ."""

    reason: str
    details: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done about one day (None: none was due); `more` says that another turn has something to do."""

    day: date | None
    moved: dict[str, int]
    refusal: Refusal | None = None
    purged: int = 0
    more: bool = False


class NotYet(ValueError):
    """A day that a person asked for cannot be moved; the text says why and what to do."""


def step(after: date | None = None) -> Turn:
    """Move the oldest day that is due, of those after a day; without one, drop what is past PURGE_AFTER_DAYS."""
    with archive.store().session():
        turns = [turn for turn in sorted(due().items()) if after is None or turn[0] > after]
        if not turns:
            return Turn(None, {}, purged=_purge())
        day, moves = turns[0]
        return _turn(day, moves, more=len(turns) > 1 or bool(_past_purge()))


def move_now(day: date, by: str) -> Turn:
    """Move this day, a restored one too; raises NotYet for a day that is too young or just being restored."""
    with archive.store().session():
        moves = [(table, day) for table in KEYS if day < _before(table) and _may_move(table, day)]
        if any(archive.state_of(*move) == ArchiveState.RESTORING for move in moves):
            raise NotYet(f"{day} is being restored; finish that first: signalbox archive restore {day}")
        if not moves and day >= min(_before(table) for table in KEYS):
            raise NotYet(f"{day} is too young; days before {min(_before(table) for table in KEYS)} are archived")
        if refusal(moves) is None:
            with db.atomic():
                _audit("archive.run", day, moves, by)
                archive.decide(moves)
        return _turn(day, moves, more=False)


def _audit(action: str, day: date, moves: list[Move], by: str) -> None:
    tables = {"tables": sorted({table for table, _ in moves})}
    audit.record(actor_kind=ActorKind.USER, actor=by, action=action, object=f"archive:{day}", after=tables)


def _may_move(table: str, day: date) -> bool:
    return day in archive.movable(table, day + ONE, held=())


def due() -> dict[date, list[Move]]:
    """What is to leave, by the day whose turn it is."""
    turns: dict[date, list[Move]] = defaultdict(list)
    for table in KEYS:
        for day in archive.movable(table, _before(table)):
            turns[day + _margin(table)].append((table, day))
    return turns


def refusal(moves: Iterable[Move]) -> Refusal | None:
    """Why these may not leave; None if they may."""
    fresh = [move for move in moves if archive.state_of(*move) != ArchiveState.MOVING]
    reports = {day for table, day in fresh if table in REPORTS}
    clicks = {day for table, day in fresh if table in CLICKS}
    return _under_way(reports, clicks) or _unequal(fresh)


def _turn(day: date, moves: list[Move], *, more: bool) -> Turn:
    refused = refusal(moves)
    if refused is None:
        archive.decide(moves)
    decided = [move for move in moves if archive.state_of(*move) == ArchiveState.MOVING]
    return Turn(day, {table: archive.move(table, at).rows for table, at in decided}, refused, more=more)


def _under_way(reports: set[date], clicks: set[date]) -> Refusal | None:
    around = _around(clicks)
    if archive_checks.dirty(reports | around):
        return Refusal("its statistics are to be computed again; aggregate_stats has not done so", {})
    if archive_checks.pending(clicks):
        return Refusal("clicks wait for AdLoad", {})
    if archive_checks.replayed(clicks):
        return Refusal("faults are being replayed", {})
    needed = around & set(archive.store().live_days("stats_daily", date.max)) - reports
    return Refusal(f"the statistics of {min(needed)} still need these clicks", {}) if needed else None


def _unequal(fresh: list[Move]) -> Refusal | None:
    """Statistics that leave, or whose clicks leave, say the same at both grains and the same as the clicks."""
    days_of_clicks = {day for table, day in fresh if table == "click"}
    leaving = {day for table, day in fresh if table == "stats_daily"} | _around(days_of_clicks)
    for day in sorted(leaving - archive.days_in("stats_daily", AWAY)):
        if found := archive_checks.grains_differ(day):
            return Refusal("sums of stats_daily are not those of stats_daily_adv", found)
        if found := _clicks_differ(day):
            return Refusal("the statistics are not those of the recorded clicks", found)
    return None


def _clicks_differ(day: date) -> dict[str, tuple[int, int]]:
    around = _around({day})
    if around & archive.days_in("click", AWAY):
        return {}  # compared before those clicks left
    return archive_checks.clicks_differ(day, around, days.bounds(day, get_settings().local_timezone))


def _around(utc_days: set[date]) -> set[date]:
    return {day + ONE * step for day in utc_days for step in range(-_width(), _width() + 1)}


def _before(table: str) -> date:
    """Days before this one are past their time."""
    settings = get_settings()
    reported = days.stat_day(days.microseconds(now()), settings.local_timezone)
    keep = timedelta(days=max(settings.archive_after_days, settings.close_after_days))
    return reported - keep if table in REPORTS else min(reported, today()) - keep - _margin(table)


def _margin(table: str) -> timedelta:
    return ONE * _width() if table in CLICKS else timedelta()


def _width() -> int:
    """By how many days a UTC day and a day of the reports can overlap beside the one of the same name."""
    return 0 if get_settings().local_timezone == "UTC" else 1


def restore(day: date, by: str) -> list[Move]:
    """Bring a day back into the live tables, with the clicks of the days around it that it needs; what came.

    It stays until `move_now`. An interrupted call is finished by the next one. Raises NotYet for nothing to restore.
    """
    with archive.store().session():
        moves = restorable(day)
        if not moves:
            raise NotYet(f"nothing of {day} is in the archive; signalbox archive list shows what is")
        with db.atomic():
            _audit("archive.restore", day, moves, by)
            archive.begin_restore(moves)
        archive.finish_restore(moves)
        return moves


def restorable(day: date) -> list[Move]:
    """What a restore of this day would bring back."""
    wanted = [(table, day) for table in REPORTS]
    wanted += [(table, at) for table in CLICKS for at in sorted(_around({day}))]
    states = (ArchiveState.ARCHIVED, ArchiveState.RESTORING)
    return [move for move in wanted if archive.state_of(*move) in states]


def _past_purge() -> list[Move]:
    keep = get_settings().purge_after_days
    if keep is None:
        return []
    before = today() - timedelta(days=keep)
    kept = [(table, day) for table in KEYS for day in archive.days_in(table, (ArchiveState.ARCHIVED,))]
    return sorted(((table, day) for table, day in kept if day < before), key=lambda move: move[1])


def _purge() -> int:
    return sum(archive.purge(table, day) for table, day in _past_purge())
