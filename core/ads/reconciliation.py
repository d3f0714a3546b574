"""Compares what we counted with what AdLoad charged, per campaign and UTC day; it reports and corrects nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from config.clock import now, today
from config.settings import get_settings
from integrations.adload.port import AdLoad, CampaignTotal
from integrations.errors import Rejected
from models import reconciliation
from models.reconciliation import ELSEWHERE, Line

TOLERATED = (5, 1000)
"""Half a percent of the larger side, of clicks as well as of cost."""
Numbers = tuple[int, int]


class NotComparable(ValueError):
    """This day, or this driver, has nothing to compare; the text says why."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A day side by side; AdLoad counts by UTC day, whatever the zone of the reports."""

    day: date
    lines: list[Line]

    @property
    def differing(self) -> list[Line]:
        """The campaigns that somebody must look at."""
        return [line for line in self.lines if line.differs]


def reconcile(adload: AdLoad, day: date | None = None) -> Reconciled:
    """Compare a day that is over, yesterday by default, and keep the result; a repetition replaces it.

    Raises NotComparable, or an outcome of `integrations.errors` without an answer.
    """
    chosen = day or today() - timedelta(days=1)
    _check(chosen)
    totals = _totals(adload, chosen)
    here = reconciliation.counted(chosen, social=get_settings().adload_notify_social)
    lines = _side_by_side(here, _by_key(totals))
    reconciliation.replace(chosen, lines, now())
    return Reconciled(chosen, lines)


def _check(day: date) -> None:
    if day >= today():
        raise NotComparable(f"{day} is not over; the last day that can be compared is {today() - timedelta(days=1)}")
    if reconciliation.is_archived(day):
        raise NotComparable(f"the clicks of {day} are in the archive")


def _totals(adload: AdLoad, day: date) -> Sequence[CampaignTotal]:
    try:
        return adload.daily_totals(day)
    except Rejected as error:
        if error.code == "unsupported":
            raise NotComparable("this AdLoad driver has no daily totals, so nothing can be compared") from error
        raise


def _by_key(totals: Sequence[CampaignTotal]) -> dict[int, Numbers]:
    known = reconciliation.ids_of({str(total.campaign) for total in totals})
    found: dict[int, Numbers] = {}
    for total in totals:
        key = known.get(str(total.campaign), ELSEWHERE)
        clicks, cost = found.get(key, (0, 0))
        found[key] = clicks + total.clicks, cost + total.cost_micros
    return found


def _side_by_side(here: dict[int, Numbers], there: dict[int, Numbers]) -> list[Line]:
    return [_line(key, here.get(key, (0, 0)), there.get(key, (0, 0))) for key in sorted(here.keys() | there.keys())]


def _line(key: int, here: Numbers, there: Numbers) -> Line:
    differs = any(_is_far(ours, theirs) for ours, theirs in zip(here, there, strict=True))
    return Line(key, here[0], there[0], here[1], there[1], differs)


def _is_far(ours: int, theirs: int) -> bool:
    part, whole = TOLERATED
    return abs(ours - theirs) * whole > max(ours, theirs) * part
