"""Services that refuse our key: one look every five minutes, by one process, until the key is accepted again."""

from __future__ import annotations

from datetime import timedelta

from config.clock import now
from models import pauses, rate_buckets
from models.rate_buckets import Exhausted, Limit

LOOK_EVERY = timedelta(minutes=5)
LONGEST_REASON = 500


def paused(service: str) -> bool:
    """Whether a service is not to be called."""
    return pauses.find(service) is not None


def pause(service: str, reason: str) -> bool:
    """Stop calling a service, in the caller's transaction; False if it is paused already.

    The next look at it is five minutes away, whoever takes it.
    """
    rate_buckets.hold(_looks(service), now() + LOOK_EVERY)
    return pauses.add(service, reason[:LONGEST_REASON], now())


def resume(service: str) -> bool:
    """The service accepted a call; False if it was not paused."""
    return pauses.remove(service)


def wait(service: str) -> timedelta | None:
    """How long to leave a service alone; None if it may be called, be it only to look whether it accepts us again."""
    if not paused(service):
        return None
    try:
        rate_buckets.take([_looks(service)], now())
    except Exhausted as error:
        return timedelta(seconds=error.seconds)
    return None


def _looks(service: str) -> Limit:
    return Limit(f"{service}:looks", 1 / LOOK_EVERY.total_seconds(), 1.0)
