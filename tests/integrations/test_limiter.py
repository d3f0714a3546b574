"""The token bucket of a process."""

from __future__ import annotations

import pytest

from integrations.errors import RateLimited
from integrations.limiter import Limiter
from tests.integrations.peer import SetClock


def taken(limiter: Limiter, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.take()
            count += 1
        except RateLimited:
            pass
    return count


def test_a_burst_is_allowed_then_the_rate() -> None:
    clock = SetClock()
    limiter = Limiter("x", rate=2, burst=5, clock=clock)
    assert taken(limiter, 10) == 5
    clock.advance(1)
    assert taken(limiter, 10) == 2
    clock.advance(100)
    assert taken(limiter, 10) == 5


def test_the_refusal_says_when_the_next_token_comes() -> None:
    limiter = Limiter("x", rate=2, burst=1, clock=SetClock())
    limiter.take()
    with pytest.raises(RateLimited) as caught:
        limiter.take()
    assert caught.value.retry_after == pytest.approx(0.5)
    assert not caught.value.sent


def test_without_a_rate_only_a_hold_stops_it() -> None:
    clock = SetClock()
    limiter = Limiter("x", clock=clock)
    assert taken(limiter, 1000) == 1000
    limiter.hold(5)
    assert taken(limiter, 10) == 0
    clock.advance(5)
    assert taken(limiter, 10) == 10


def test_a_hold_empties_the_bucket() -> None:
    clock = SetClock()
    limiter = Limiter("x", rate=1, burst=10, clock=clock)
    limiter.hold(5)
    clock.advance(5)
    assert taken(limiter, 10) == 1
