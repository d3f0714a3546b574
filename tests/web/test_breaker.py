"""When the breaker opens, and how it probes."""

from __future__ import annotations

import pytest

from web import breaker as module
from web.breaker import Breaker, State


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def test_two_failures_in_a_row_leave_it_closed() -> None:
    breaker = Breaker()
    breaker.failed()
    breaker.failed()
    assert breaker.allows()


def test_the_third_failure_in_a_row_opens_it() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed()
    assert breaker.state is State.OPEN
    assert not breaker.allows()


def test_a_confirm_between_failures_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed()
        breaker.failed()
        breaker.succeeded(0.01)
    assert breaker.state is State.CLOSED


def test_one_confirm_slower_than_a_second_opens_it() -> None:
    breaker = Breaker()
    breaker.succeeded(1.01)
    assert breaker.state is State.OPEN


def test_an_open_one_lets_exactly_one_group_through_as_a_probe(clock: Clock) -> None:
    breaker = Breaker()
    breaker.trip()
    clock.at += 1
    assert breaker.allows()
    assert breaker.state is State.HALF_OPEN
    assert not breaker.allows()


def test_a_good_probe_closes_it() -> None:
    breaker = Breaker()
    breaker.trip()
    breaker.succeeded(0.01)
    assert breaker.state is State.CLOSED


def test_failing_probes_follow_after_1_2_4_and_at_last_every_30_seconds(clock: Clock) -> None:
    breaker = Breaker()
    breaker.trip()
    pauses = []
    for _ in range(7):
        started = clock.at
        while not breaker.allows():
            clock.at += 0.5
        pauses.append(clock.at - started)
        breaker.failed()
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_each_change_is_told_once() -> None:
    told: list[State] = []
    breaker = Breaker(told.append)
    breaker.trip()
    breaker.trip()
    breaker.succeeded(0.01)
    breaker.succeeded(0.01)
    assert told == [State.OPEN, State.CLOSED]
