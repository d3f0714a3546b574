"""What slows a switch down: a pure decision over facts, in which the first brake that holds has the last word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domains.brake_facts import Answer, Evidence, Fleet, History, Limits, Past, Standing
from models.domain_states import Mode, Source, Verdict

DAY = timedelta(hours=24)
SKEW = timedelta(minutes=1)
MAX_AGE = {
    Source.GSB: timedelta(minutes=30),
    Source.DNS: timedelta(minutes=5),
    Source.GSC: timedelta(hours=24),
    Source.TLS: timedelta(hours=24),
}
"""How old an answer may be to be acted on; sources that are not named here are never acted on."""
LISTINGS = frozenset({Source.GSB, Source.GSC})
CONFIRMED = frozenset({Source.GSC})
"""Answers that are signed, and so need neither a second answer nor a canary of ours."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Nothing stands against it."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask a person."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Decide again at this instant."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the domain active and tell; `new` is what is to be held now, nothing if it was held before."""

    reason: str
    new: str = ""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing follows, but for an incident of this kind."""

    reason: str
    incident: str = ""


Decision = Switch | Propose | Defer | Hold | Ignore


@dataclass(frozen=True, slots=True)
class _Case:
    pipeline: Standing
    evidence: Evidence
    fleet: Fleet
    history: History
    now: datetime

    @property
    def limits(self) -> Limits:
        return self.history.limits

    @property
    def ordered(self) -> bool:
        return self.evidence.first is None

    def since(self, age: timedelta) -> list[Past]:
        return [past for past in self.history.switches if past.at > self.now - age]


def decide(pipeline: Standing, evidence: Evidence, fleet: Fleet, history: History, now: datetime) -> Decision:
    """What to do about an active domain that is said to be bad.

    An order without an answer passes every brake but those that a person has put on.
    """
    case = _Case(pipeline, evidence, fleet, history, now)
    return next((found for brake in BRAKES if (found := brake(case)) is not None), Switch())


def _gone(case: _Case) -> Decision | None:
    since, first = case.pipeline.active_since, case.evidence.first
    if not case.pipeline.enabled or since is None or case.pipeline.active_id != case.evidence.domain_id:
        return Ignore("gone")
    return (
        Ignore("gone")
        if first and (first.domain_id, True) != (case.evidence.domain_id, first.observed_at >= since)
        else None
    )


def _stale(case: _Case) -> Decision | None:
    first = case.evidence.first
    if first is None:
        return None
    age = case.now - first.observed_at
    expired = case.evidence.expires_at is not None and case.evidence.expires_at <= case.now
    return Ignore("stale") if expired or not -SKEW <= age <= MAX_AGE.get(first.source, timedelta(seconds=-1)) else None


def _blind(case: _Case) -> Decision | None:
    answers = [answer for answer in (case.evidence.first, case.evidence.second) if answer]
    blind = any(answer.canary_ok is False or not (answer.canary_ok or answer.source in CONFIRMED) for answer in answers)
    return Ignore("checker_blind", incident="checker_blind") if blind else None


def _unconfirmed(case: _Case) -> Decision | None:
    first, second = case.evidence.first, case.evidence.second
    if first is None:
        return None
    if first.verdict is not Verdict.UNSAFE or (second and second.verdict is not Verdict.UNSAFE):
        return Ignore("unconfirmed")
    return None if first.source in CONFIRMED or _confirms(first, second, case) else Ignore("unconfirmed")


def _confirms(first: Answer, second: Answer | None, case: _Case) -> bool:
    """A second answer counts if it is live and about the same, and either later by some time or of another source."""
    if second is None or not second.live or second.domain_id != first.domain_id or second.observed_at > case.now + SKEW:
        return False
    return second.source is not first.source or second.observed_at - first.observed_at >= case.limits.confirm_after


def _held_everywhere(case: _Case) -> Decision | None:
    return Hold("held_everywhere") if case.fleet.held else None


def _held(case: _Case) -> Decision | None:
    return Hold("held") if case.pipeline.held else None


def _blast_radius(case: _Case) -> Decision | None:
    fleet, limits = case.fleet, case.limits
    released = any(until and until > case.now for until in (fleet.released_until, case.pipeline.exempt_until))
    wide = too_wide(fleet.bad, fleet.active, limits)
    return Hold("blast_radius", new="all") if wide and not released and not case.ordered else None


def too_wide(bad: int, active: int, limits: Limits) -> bool:
    """Whether so many of the active domains are bad at once that the fault is likely to be ours."""
    return bad >= limits.blast_min and bad * 100 > limits.blast_percent * active


def _cause(case: _Case) -> Decision | None:
    first, pipeline = case.evidence.first, case.pipeline
    if first is None:
        return None
    again = first.source in LISTINGS and any(past.listing for past in case.since(DAY))
    wrong = pipeline.destination_listed or (again and not pipeline.destination_clean)
    return Hold("fix_the_cause", new="pipeline") if wrong else None


def _cool_down(case: _Case) -> Decision | None:
    last = max((past.at for past in case.history.switches), default=None)
    if case.ordered or last is None or last + case.limits.cool_down <= case.now:
        return None
    return Defer(last + case.limits.cool_down)


def _cap(case: _Case) -> Decision | None:
    automatic = sum(past.automatic for past in case.since(DAY))
    return (
        Hold("too_many_switches", new="pipeline")
        if automatic >= case.limits.most_per_day and not case.ordered
        else None
    )


def _mode(case: _Case) -> Decision | None:
    if case.ordered or case.pipeline.mode is Mode.AUTO:
        return None
    return Propose() if case.pipeline.mode is Mode.SUGGEST else Ignore("watch", incident="unsafe")


BRAKES: tuple[Callable[[_Case], Decision | None], ...] = (
    _gone, _stale, _blind, _unconfirmed, _held_everywhere, _held, _blast_radius, _cause, _cool_down, _cap, _mode,
)  # fmt: skip
"""B1 to B11, in order; what passes them all switches."""
