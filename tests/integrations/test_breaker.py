"""When the breaker opens, for how long, and what closes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integrations.breaker import Breaker
from integrations.errors import OutcomeUnknown, OutsideError, RateLimited, Rejected, Unavailable
from tests.integrations.peer import SetClock


def run(breaker: Breaker, error: Exception | None = None) -> bool:
    """True when the call was let through."""
    began = False
    try:
        with breaker.guard():
            began = True
            if error:
                raise error
    except (OutsideError, KeyError):
        return began
    return began


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.mark.parametrize("failure", [Unavailable, OutcomeUnknown])
def test_five_failures_in_a_row_open_it(clock: SetClock, failure: Callable[[], Exception]) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(4):
        run(breaker, failure())
    assert not breaker.is_open()
    run(breaker, failure())
    assert breaker.is_open()
    assert not run(breaker)


@pytest.mark.parametrize("answer", [None, Rejected("no"), RateLimited()])
def test_any_answer_ends_the_row(clock: SetClock, answer: Exception | None) -> None:
    breaker = Breaker("x", clock=clock)
    for error in [*[Unavailable()] * 4, answer, *[Unavailable()] * 4]:
        run(breaker, error)
    assert not breaker.is_open()


def test_half_of_twenty_calls_in_a_minute_open_it(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(9):
        run(breaker)
        run(breaker, Unavailable())
    run(breaker)
    assert not breaker.is_open()
    run(breaker, Unavailable())
    assert breaker.is_open()


def test_failures_older_than_a_minute_do_not_count(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(40):
        run(breaker)
        run(breaker, Unavailable())
        clock.advance(7)
    assert not breaker.is_open()


def test_failed_trials_double_the_wait_up_to_ten_minutes(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(5):
        run(breaker, Unavailable())
    waits = []
    for expected in (30, 60, 120, 240, 480, 600, 600):
        clock.advance(expected - 1)
        waits.append(run(breaker, Unavailable()))
        clock.advance(1)
        waits.append(run(breaker, Unavailable()))
    assert waits == [False, True] * 7


def test_only_one_trial_runs_at_a_time(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(5):
        run(breaker, Unavailable())
    clock.advance(30)
    with breaker.guard():
        assert breaker.is_open()
        assert not run(breaker)
    assert run(breaker)


def test_a_good_trial_closes_it_and_tells_whoever_waits(clock: SetClock) -> None:
    told: list[bool] = []
    breaker = Breaker("x", clock=clock, on_close=lambda: told.append(True))
    for _ in range(5):
        run(breaker, Unavailable())
    clock.advance(30)
    run(breaker)
    assert told == [True]
    for _ in range(4):
        run(breaker, Unavailable())
    assert not breaker.is_open()


def test_a_trial_that_dies_of_something_else_lets_the_next_one_try(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(5):
        run(breaker, Unavailable())
    clock.advance(30)
    assert run(breaker, KeyError("bug"))
    assert run(breaker)
    assert not breaker.is_open()


def test_a_success_begun_before_it_opened_does_not_close_it(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    with breaker.guard():
        for _ in range(5):
            run(breaker, Unavailable())
    assert breaker.is_open()


def test_the_refusal_says_how_long_to_wait(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock)
    for _ in range(5):
        run(breaker, Unavailable())
    clock.advance(10)
    with pytest.raises(Unavailable) as caught, breaker.guard():
        pass
    assert (caught.value.retry_after, caught.value.sent) == (20.0, False)


def test_the_longest_pause_of_a_service_may_be_shorter(clock: SetClock) -> None:
    breaker = Breaker("x", clock=clock, longest_pause=30.0)
    for _ in range(5):
        run(breaker, Unavailable())
    for _ in range(4):
        clock.advance(30)
        assert run(breaker, Unavailable())
        assert not run(breaker)
