"""Fraud that is found afterwards: a publisher's earnings of whole days are taken back, and statistics stay as they are.

Whatever a day earns after it was taken back, by a late or replayed click, is not taken: it would need a new decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from config.clock import now
from config.settings import get_settings
from core.ads import days
from core.ads.persons import Person, Role, require
from core.ads.statistics import SETTLING
from models import audit, conflicts, invalidation, ledger
from models.invalidation import Choice, OpenRequest, Part
from models.ledger import EntryKind, Line

REASON_LENGTH = 500


class NotReady(Exception):
    """Some of the days are not over, or their statistics are not final."""

    def __init__(self, unready: list[date]) -> None:
        first, more = unready[0], len(unready) - 1
        also = f" and {more} more day(s)" if more else ""
        super().__init__(f"the statistics of {first}{also} are not final: run aggregate_stats first")
        self.days = unready


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be taken back, what was before, and the open payouts of those it concerns, which go on."""

    parts: list[Part]
    unready: list[date]
    requests: list[OpenRequest]

    @property
    def due(self) -> list[Part]:
        """What would be taken back now."""
        return [part for part in self.parts if not part.taken]


def plan(choice: Choice) -> Plan:
    """Look, and change nothing."""
    parts = invalidation.parts(choice)
    accounts = sorted({part.account_id for part in parts})
    return Plan(parts, _unready(choice, parts), invalidation.open_requests(accounts))


def take_back(choice: Choice, reason: str, by: Person) -> list[Part]:
    """Take back every due part by an adjustment of its own; what this call took. Raises NotReady, Forbidden.

    Each informer and day is taken back once, however often and by however many this is called. The balance may fall
    below zero, and then a later payout is refused; open requests hold their money already and are left to a person.
    """
    require(by, Role.FINANCE)
    text = " ".join(reason.split())
    if not 0 < len(text) <= REASON_LENGTH:
        raise ValueError(f"reason: write why, in 1 to {REASON_LENGTH} characters")
    return conflicts.transaction(lambda: _take(choice, text, by))


def _take(choice: Choice, reason: str, by: Person) -> list[Part]:
    invalidation.hold_still(part.account_id for part in invalidation.parts(choice))
    # read again under the lock: nobody else changes these now
    found = plan(choice)
    if found.unready:
        raise NotReady(found.unready)
    at = now()
    taken = invalidation.take(choice, reason, by.name, at)
    done = [part for part in found.due if (part.informer_id, part.day) in taken]
    done = [Part(part.informer_id, part.day, part.account_id, taken[part.informer_id, part.day], True) for part in done]
    if done:
        _note(choice, done, reason, by)
        ledger.add([_line(part, reason, by) for part in done], now())
    return done


def _line(part: Part, reason: str, by: Person) -> Line:
    key = f"claw_back:{part.informer_id}:{part.day}"
    return Line(part.account_id, EntryKind.ADJUSTMENT, -part.amount, key, by.name, reason, part.day)


def _note(choice: Choice, done: list[Part], reason: str, by: Person) -> None:
    whose = f"informer:{choice.informer_id}" if choice.informer_id else f"account:{choice.account_id}"
    after = {
        "from": str(choice.first), "to": str(choice.last), "parts": len(done),
        "amount": sum(part.amount for part in done),
    }  # fmt: skip
    audit.record(
        actor_kind=by.kind, actor=by.name, action="clicks.invalidate", object=whose, after=after, reason=reason,
        ip=by.ip, request_id=by.request_id,
    )  # fmt: skip


def _unready(choice: Choice, parts: list[Part]) -> list[date]:
    """Days of the choice that are not over, are marked, or were computed last before they had settled."""
    zone = get_settings().local_timezone
    today = days.stat_day(days.microseconds(now()), zone)
    computed = invalidation.computed(choice.first, choice.last)
    unready = set(invalidation.marked(choice.first, choice.last))
    recent = max(choice.first, today - timedelta(days=1))
    looked_at = {part.day for part in parts} | {
        recent + timedelta(days=number) for number in range((choice.last - recent).days + 1)
    }
    for day in looked_at:
        if day not in computed or computed[day] < days.bounds(day, zone)[1] + SETTLING:
            unready.add(day)
    return sorted(unready)
