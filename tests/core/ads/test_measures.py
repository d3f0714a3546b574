"""What is derived from sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads.measures import basis_points, derived, rounded

SUMS = {
    "clicks": 30, "clicks_unique": 20, "impressions": 1000, "social_clicks": 10, "social_clicks_unique": 8,
    "social_impressions": 1600, "block_views": 400, "block_views_requested": 500, "partner_cost": 570_000,
    "advertiser_cost": 1_000_000, "view_ms": 100_000, "rejected_warning": 1, "rejected_banned": 2,
    "rejected_filtered": 3,
}  # fmt: skip


def test_every_measure_follows_its_definition() -> None:
    assert derived(SUMS) == {
        "ctr_bp": 200,  # 100 x 20 / 1000 = 2 %
        "block_ctr_bp": 500,  # 100 x 20 / 400
        "social_ctr_bp": 50,  # 100 x 8 / 1600
        "ctr_difference_bp": 2500,  # 100 x 0.5 / 2
        "visibility_bp": 8000,
        "average_click_price": 28_500,  # 0.57 / 20
        "publisher_share_bp": 5700,
        "average_view_ms": 2500,  # 100 s over 40 clicks, social ones included
        "income": 430_000,
        "rejected": 6,
    }


def test_nothing_to_divide_by_gives_zero_and_full_visibility() -> None:
    empty = derived({})
    assert empty.pop("visibility_bp") == 10_000
    assert set(empty.values()) == {0}


@pytest.mark.parametrize("missing", ["impressions", "social_impressions", "clicks_unique"])
def test_the_ctr_difference_needs_both_rates(missing: str) -> None:
    assert derived(SUMS | {missing: 0})["ctr_difference_bp"] == 0


def test_visibility_never_exceeds_a_hundred_percent() -> None:
    assert derived({"block_views": 7, "block_views_requested": 5})["visibility_bp"] == 10_000


def test_income_may_be_negative() -> None:
    assert derived({"partner_cost": 60_000, "advertiser_cost": 50_000})["income"] == -10_000


@given(st.integers(0, 10**18), st.integers(1, 10**18))
def test_rounding_is_exact_at_any_size(value: int, divisor: int) -> None:
    result = rounded(value, divisor)
    assert -divisor <= 2 * (value - result * divisor) < divisor
    assert basis_points(value, divisor) == rounded(10_000 * value, divisor)


def test_halves_go_up() -> None:
    assert [rounded(value, 2) for value in (1, 3, 5)] == [1, 2, 3]
