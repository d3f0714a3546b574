"""What a click pays to the publisher, in integers only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple


class Price(NamedTuple):
    """One price row; money in micro-units, percent in basis points of the advertiser's cost."""

    id: int
    kind: str
    fixed_cost: int
    percent_bp: int | None
    floor_cost: int | None
    cap_cost: int | None

    @property
    def contradictory(self) -> bool:
        """True when the floor lies above the cap; the floor wins, and somebody should look."""
        return self.floor_cost is not None and self.cap_cost is not None and self.floor_cost > self.cap_cost


def partner_cost(price: Price, advertiser_cost: int) -> int:
    """The publisher's part of a paid click: fixed, or a percentage half-up to four decimals between floor and cap."""
    if price.kind == "fixed":
        return price.fixed_cost
    cost = (2 * advertiser_cost * (price.percent_bp or 0) + 1_000_000) // 2_000_000 * 100
    if price.cap_cost is not None:
        cost = min(cost, price.cap_cost)
    return cost if price.floor_cost is None else max(cost, price.floor_cost)


class PriceList:
    """Prices by account and informer over time, from rows sorted by instant."""

    def __init__(self, rows: Iterable[tuple[Any, ...]] = ()) -> None:
        """Rows: account, informer or 0, instant in microseconds, then the columns of Price."""
        self._instants: dict[tuple[int, int], list[int]] = {}
        self._prices: dict[tuple[int, int], list[Price]] = {}
        for account, informer, effective_from, *columns in rows:
            self._instants.setdefault((account, informer), []).append(effective_from)
            self._prices.setdefault((account, informer), []).append(Price._make(columns))

    def at(self, account_id: int, informer_id: int, instant: int) -> Price | None:
        """The price in force: the informer's own, else the account's, else None."""
        return self._newest((account_id, informer_id), instant) or self._newest((account_id, 0), instant)

    def _newest(self, key: tuple[int, int], instant: int) -> Price | None:
        place = bisect_right(self._instants.get(key, ()), instant)
        return self._prices[key][place - 1] if place else None
