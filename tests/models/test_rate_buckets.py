"""Rate limits that all processes share: never more tokens than there are, whoever asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from models.rate_buckets import Exhausted, Limit, hold, take
from tests.together import together

SLOW = Limit("minute", 0.1, 5)
FAST = Limit("second", 1.0, 1)
AT = now()


def taken(limits: list[Limit], seconds: float, **options: float) -> bool:
    try:
        take(limits, AT + timedelta(seconds=seconds), **options)
    except Exhausted:
        return False
    return True


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate(database: Any) -> None:
    assert [taken([SLOW], 0) for _ in range(6)] == [True] * 5 + [False]
    assert [taken([SLOW], second) for second in (9, 10, 11, 20)] == [False, True, False, True]
    assert [taken([SLOW], 1000) for _ in range(6)] == [True] * 5 + [False]


def test_it_says_how_long_to_wait(database: Any) -> None:
    for _ in range(5):
        take([SLOW], AT)
    with pytest.raises(Exhausted) as caught:
        take([SLOW], AT + timedelta(seconds=4))
    assert caught.value.seconds == pytest.approx(6, abs=0.01)


def test_what_one_limit_refuses_costs_the_other_nothing(database: Any) -> None:
    assert [taken([SLOW, FAST], 0) for _ in range(9)] == [True] + [False] * 8
    assert [taken([SLOW, FAST], second) for second in (1, 2, 3, 4)] == [True] * 4


def test_some_tokens_can_be_left_to_graver_matters(database: Any) -> None:
    assert [taken([SLOW], 0, leave=2) for _ in range(4)] == [True, True, True, False]
    assert [taken([SLOW], 0) for _ in range(3)] == [True, True, False]


def test_a_hold_lets_nothing_through_until_it_ends(database: Any) -> None:
    take([SLOW], AT)
    hold(SLOW, AT + timedelta(seconds=30))
    hold(SLOW, AT + timedelta(seconds=10))
    assert [taken([SLOW], second) for second in (0, 15, 29, 30, 31)] == [False, False, False, True, False]


def test_many_at_once_get_no_more_than_there_is(database: Any) -> None:
    got = together(*[lambda: sum(taken([SLOW], 0) for _ in range(5))] * 4)
    assert sum(got) == 5
