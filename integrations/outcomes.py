"""The table of events and effects: which outcome an event means for a call of this effect."""

from __future__ import annotations

from enum import StrEnum

from integrations.errors import Conflict, Malformed, OutcomeUnknown, RateLimited, Rejected, Unauthorized, Unavailable

_TURNED_AWAY = frozenset({425, 503})
_REFUSALS: dict[int, type[Rejected]] = {401: Unauthorized, 403: Unauthorized, 409: Conflict}


class Effect(StrEnum):
    """What repeating a call does."""

    READ = "read"
    """Nothing: it changes nothing."""
    KEYED = "keyed"
    """Nothing more: the repetition carries the same key."""
    ONCE = "once"
    """It acts twice."""


Outcome = Unavailable | Rejected | OutcomeUnknown


def of_lost(effect: Effect, detail: str, *, sent: bool, timed_out: bool) -> Outcome:
    """The outcome when no answer came."""
    if sent and effect is Effect.ONCE:
        return OutcomeUnknown(detail, timed_out=timed_out)
    return Unavailable(detail, sent=sent, timed_out=timed_out)


def of_unreadable(effect: Effect, detail: str, excerpt: str) -> Outcome:
    """The outcome of a 2xx answer that says nothing usable."""
    if effect is Effect.ONCE:
        return OutcomeUnknown(detail)
    return Malformed(detail, excerpt)


def of_status(effect: Effect, status: int, detail: str, retry_after: float) -> Outcome:
    """The outcome of a status other than 2xx; `retry_after` seconds are what the service asked for, or the default."""
    if status == 429:
        return RateLimited(f"http_429: {detail}", retry_after=retry_after)
    if status in _TURNED_AWAY:
        return Unavailable(f"http_{status}: {detail}", sent=True, retry_after=retry_after)
    if status >= 500 or status == 408 or status < 200:
        return of_lost(effect, f"http_{status}: {detail}", sent=True, timed_out=False)
    return _REFUSALS.get(status, Rejected)(f"http_{status}", detail, status=status)
