"""What a click pays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads.pricing import Price, PriceList, partner_cost

FLOATING = Price(1, "floating", 0, 5700, 60_000, 950_000)


@pytest.mark.parametrize(("advertiser", "partner"), [(50_000, 60_000), (1_000_000, 570_000), (2_000_000, 950_000)])
def test_check_15_57_percent_with_floor_and_cap(advertiser: int, partner: int) -> None:
    assert partner_cost(FLOATING, advertiser) == partner


def test_the_percentage_is_rounded_half_up_to_four_decimals() -> None:
    price = Price(1, "floating", 0, 5000, None, None)
    assert [partner_cost(price, cost) for cost in (99, 100, 299, 300)] == [0, 100, 100, 200]


def test_no_floor_is_not_a_floor_of_zero_and_a_cap_of_zero_is_one() -> None:
    assert partner_cost(FLOATING._replace(floor_cost=None, cap_cost=None), 2_000_000) == 1_140_000
    assert partner_cost(FLOATING._replace(floor_cost=None, cap_cost=0), 2_000_000) == 0


def test_the_floor_wins_over_a_lower_cap() -> None:
    price = FLOATING._replace(floor_cost=500, cap_cost=400)
    assert (partner_cost(price, 10_000_000), price.contradictory) == (500, True)


@given(st.integers(0, 10**12), st.integers(1, 10_000))
def test_a_floating_price_is_never_more_than_its_rounding_away_from_the_exact_part(cost: int, percent: int) -> None:
    found = partner_cost(Price(1, "floating", 0, percent, None, None), cost)
    assert found % 100 == 0
    assert abs(found * 10_000 - cost * percent) <= 50 * 10_000


def test_the_newest_price_that_is_in_force_counts_and_the_informers_own_comes_first() -> None:
    prices = PriceList(
        [
            (1, 0, 10, 1, "fixed", 5, None, None, None),
            (1, 0, 20, 2, "fixed", 6, None, None, None),
            (1, 7, 15, 3, "fixed", 7, None, None, None),
        ]
    )
    found = [prices.at(1, informer, at) for informer, at in ((7, 9), (7, 12), (7, 15), (7, 99), (8, 20))]
    assert [price and price.id for price in found] == [None, 1, 3, 3, 2]
