"""The checks of a click, as the acceptance list states them; every test runs on both databases."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from models.ads import AdloadCharge
from tests.core.ads.stage import DAY, IP, SECOND, Stage, build, counts, listed, local, outcomes, refusal, stored

HOUR = timedelta(hours=1)


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def five(stage: Stage) -> list[Any]:
    return [stage.click(number, at=number * SECOND) for number in range(5)]


FIRST_THREE = ["done", "done", "done", "over_limit_day", "blacklisted"]


def test_check_1_three_clicks_are_paid_the_fourth_is_refused_and_lists_the_ip_the_fifth_is_blacklisted(
    stage: Stage,
) -> None:
    clicks = five(stage)
    for click in clicks:
        local(click)
    assert outcomes(clicks) == FIRST_THREE
    assert listed() == [f"{IP}/32"]
    assert AdloadCharge.select().count() == 3


def test_check_2_the_same_five_in_one_batch_in_any_order_are_three_paid(stage: Stage) -> None:
    clicks = five(stage)
    shuffled = clicks[:]
    random.Random(7).shuffle(shuffled)
    local(*shuffled)
    assert outcomes(clicks) == FIRST_THREE


@pytest.mark.parametrize("order", random.Random(3).sample(list(permutations(range(5))), 6))
def test_check_2_the_same_five_one_by_one_in_any_order_are_three_paid(stage: Stage, order: tuple[int, ...]) -> None:
    clicks = five(stage)
    for number in order:
        local(clicks[number])
    assert sorted(outcomes(clicks)) == sorted(FIRST_THREE)


def test_check_3_a_link_issued_to_another_ip_is_refused_and_its_clicker_is_not_listed(stage: Stage) -> None:
    click = stage.click(issued_to="203.0.113.99")
    local(click)
    assert outcomes([click]) == ["ip_mismatch"]
    assert listed() == []


def test_check_4_a_link_older_than_two_hours_is_expired_and_one_of_exactly_two_hours_is_not(stage: Stage) -> None:
    old, just = stage.click(0, age=2 * HOUR + SECOND), stage.click(1, age=2 * HOUR)
    local(old, just)
    assert outcomes([old, just]) == ["link_expired", "done"]
    assert refusal(old).detail["rule"] == 7200
    assert refusal(old).detail["measured"] == 7201


def test_check_5_a_listed_ip_with_an_expired_link_is_blacklisted_and_not_expired(stage: Stage) -> None:
    local(*five(stage))
    click = stage.click(0, at=60 * SECOND, age=5 * HOUR)
    local(click)
    assert outcomes([click]) == ["blacklisted"]


def test_check_13_a_social_click_is_stored_as_unique_and_costs_nothing(database: Any) -> None:
    stage = build(is_social=True)
    click = stage.click()
    assert counts(local(click)) == {"social": 1}
    row = stored(click)
    assert (row.is_unique, row.is_social, row.advertiser_cost, row.partner_cost) == (True, True, 0, 0)


def test_check_14_a_second_click_on_the_same_offer_is_stored_for_nothing_and_counts_towards_the_limit(
    stage: Stage,
) -> None:
    clicks = [stage.click(0, at=number * SECOND) for number in range(3)] + [stage.click(1, at=9 * SECOND)]
    local(*clicks)
    assert outcomes(clicks) == ["done", "done*", "done*", "over_limit_day"]
    assert stored(clicks[1]).partner_cost == 0
    assert AdloadCharge.select().count() == 1


def test_check_16_a_late_click_is_refused_when_three_newer_ones_are_less_than_a_day_after_it(stage: Stage) -> None:
    for number in range(3):
        local(stage.click(number))
    late, earlier = stage.click(3, at=-DAY + SECOND), stage.click(4, at=-DAY)
    local(earlier)
    local(late)
    assert outcomes([late, earlier]) == ["over_limit_day", "done"]


def test_a_forged_link_is_refused_as_invalid(stage: Stage) -> None:
    click = stage.click(h="other.example")
    local(click)
    assert outcomes([click]) == ["token_invalid"]


def test_a_link_from_the_future_is_refused_for_its_clock(stage: Stage) -> None:
    ahead, slightly = stage.click(0, age=-61 * SECOND), stage.click(1, age=-60 * SECOND)
    local(ahead, slightly)
    assert outcomes([ahead, slightly]) == ["clock_skew", "done"]
