"""Amounts are read exactly or refused."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.adload.money import BadAmount, Settlement, micros, micros_of, rate_of
from tests.search import search


@given(st.integers(0, 10**17))
@search(1000)
def test_every_amount_of_micro_units_survives_its_decimal_text(amount: int) -> None:
    whole, fraction = divmod(amount, 1_000_000)
    assert micros_of(f"{whole}.{fraction:06d}") == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("0", 0), ("0.045", 45_000), ("0.000001", 1), ("12", 12_000_000), ("4.5e-2", 45_000)]
)
def test_decimal_text_is_converted_exactly(text: str, amount: int) -> None:
    assert micros_of(text) == amount


ODD = ["", " ", "NaN", "sNaN", "Infinity", "-0.01", "-1", "0.0000001", "1,5", "0x1", "1e12", "1e999999999", "9" * 41]


@pytest.mark.parametrize("text", [*ODD, None, 1, 0.045, True, b"1", "١", "1e-999999999"])
def test_everything_else_is_refused(text: object) -> None:
    with pytest.raises(BadAmount):
        micros_of(text)


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None, 10**18 + 1])
def test_micro_units_are_whole_numbers_within_bounds(value: object) -> None:
    with pytest.raises(BadAmount):
        micros(value)


@given(st.text(max_size=45))
@search(2000)
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    with suppress(BadAmount):
        assert 0 <= micros_of(text) <= 10**18


def test_conversion_rounds_half_up_once() -> None:
    settlement = Settlement("USD", lambda _: Decimal("0.5"))
    assert [settlement.settle(cost, "EUR", "r") for cost in (1, 2, 3, 10**17)] == [1, 1, 2, 5 * 10**16]


def test_a_rate_is_looked_up_once() -> None:
    asked: list[str] = []

    def rate(rate_id: str) -> Decimal:
        asked.append(rate_id)
        return Decimal(2)

    settlement = Settlement("USD", rate)
    assert settlement.settle(5, "EUR", "r") + settlement.settle(6, "EUR", "r") == 22
    assert asked == ["r"]


@pytest.mark.parametrize("rate_id", [None, "", 5])
def test_another_currency_without_a_rate_is_refused(rate_id: object) -> None:
    with pytest.raises(BadAmount):
        Settlement("USD", Decimal).settle(5, "EUR", rate_id)


def test_a_zero_rate_is_refused() -> None:
    with pytest.raises(BadAmount, match="zero"):
        rate_of("0.0")
