"""Reads amounts exactly: integer micro-units or decimal text, never a float."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

MICROS = 1_000_000
DECIMALS = 6
LONGEST = 40
MOST_MICROS = 10**18
MOST_RATES = 16


class BadAmount(ValueError):
    """Not a finite, non-negative number of at most six decimals, or in a currency that we cannot settle."""


def micros(value: object) -> int:
    """Micro-units given as an integer."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_MICROS:
        raise BadAmount("not a number of micro-units")
    return value


def decimal(text: object) -> Decimal:
    """A finite number >= 0 with at most six decimals, from its text; its size is checked before it is used."""
    if not isinstance(text, str) or len(text) > LONGEST or not text.isascii():
        raise BadAmount("not a decimal text")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadAmount("not a decimal text") from None
    if not value.is_finite() or value < 0 or value.adjusted() > 11:
        raise BadAmount("not an amount")
    if -int(value.as_tuple().exponent) > DECIMALS:
        raise BadAmount("more than six decimals")
    return value


def micros_of(text: object) -> int:
    """Micro-units of a decimal text, exactly."""
    return int(decimal(text) * MICROS)


def rate_of(text: object) -> Decimal:
    """A rate: a decimal above zero. A missing or zero rate is an error, never "no conversion"."""
    rate = decimal(text)
    if rate == 0:
        raise BadAmount("rate is zero")
    return rate


class Settlement:
    """Turns amounts of any currency into the settlement currency; looks each rate up at most once."""

    def __init__(self, currency: str, rate: Callable[[str], Decimal]) -> None:
        self._currency, self._rate = currency, rate
        self._known: dict[str, Decimal] = {}

    def settle(self, cost_micros: int, currency: object, rate_id: object) -> int:
        """Micro-units in the settlement currency, rounded half-up; zero is zero in every currency."""
        if cost_micros == 0 or currency == self._currency:
            return cost_micros
        if not isinstance(currency, str) or not isinstance(rate_id, str) or not rate_id:
            raise BadAmount("another currency without a rate")
        with localcontext(prec=60):
            settled = int((cost_micros * self._look_up(rate_id)).to_integral_value(ROUND_HALF_UP))
        return micros(settled)

    def _look_up(self, rate_id: str) -> Decimal:
        if rate_id not in self._known:
            if len(self._known) >= MOST_RATES:
                raise BadAmount("too many rates in one answer")
            self._known[rate_id] = self._rate(rate_id)
        return self._known[rate_id]
