"""Windows that look both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads.window import Seen, densest, repeated

SPAN = 24


@pytest.mark.parametrize(
    ("times", "at", "number"),
    [([], 5, 1), ([0, 1, 2], 23, 4), ([0, 1, 2], 24, 3), ([30, 31], 10, 3), ([-20, 20], 0, 2), ([0, 0, 0], 0, 4)],
)
def test_the_densest_window_that_holds_the_click_is_found(times: list[int], at: int, number: int) -> None:
    assert densest(times, at, SPAN) == number


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 100))
def test_the_densest_window_equals_a_search_over_all_windows(times: list[int], at: int) -> None:
    starts = range(at - SPAN + 1, at + 1)
    slow = max(sum(start <= time < start + SPAN for time in [*times, at]) for start in starts)
    assert densest(times, at, SPAN) == slow


def test_an_offer_is_repeated_only_within_the_span_on_either_side() -> None:
    seen = [Seen("v", 100, 1, 1)]
    found = [repeated(seen, offer, at, 24) for offer, at in ((1, 77), (1, 76), (1, 123), (1, 124), (2, 100))]
    assert found == [True, False, True, False, False]


def test_a_span_of_zero_means_for_ever() -> None:
    assert repeated([Seen("v", 0, 1, 1)], 1, 10**15, 0)
