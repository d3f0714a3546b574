"""The local advertiser side in memory: what each click costs, within budgets; the caller stores the result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from integrations.adload.port import OutcomeCode

FULL = 10_000


class Takings(NamedTuple):
    """What a till has taken: charges (click, campaign, cost) and the sum by campaign with a budget."""

    charges: list[tuple[str, int, int]]
    spent: dict[int, int]


class Till:
    """Charges clicks one after another; a click that was charged before gets its first answer."""

    def __init__(self, known: dict[str, int], budgets: Iterable[tuple[Any, ...]]) -> None:
        """`known` is what clicks cost already, `budgets` are locked rows (campaign, budget, spent)."""
        self._known = dict(known)
        self._left = {campaign: budget - spent for campaign, budget, spent in budgets}
        self.takings = Takings([], {})

    def charge(
        self, click_id: str, *, campaign_id: int, running: bool, active: bool, cost: int, social: bool
    ) -> tuple[OutcomeCode | None, int]:
        """The refusal or None, and the cost in micro-units."""
        if click_id in self._known:
            return None, self._known[click_id]
        if not active:
            return OutcomeCode.OFFER_INACTIVE, 0
        if not running:
            return OutcomeCode.CAMPAIGN_STOPPED, 0
        cost = 0 if social else cost
        if not social and not cost:
            return OutcomeCode.ZERO_COST, 0
        if cost > self._left.get(campaign_id, cost):
            return OutcomeCode.NO_FUNDS, 0
        self._take(click_id, campaign_id, cost)
        return None, cost

    def _take(self, click_id: str, campaign_id: int, cost: int) -> None:
        self._known[click_id] = cost
        self.takings.charges.append((click_id, campaign_id, cost))
        if campaign_id in self._left and cost:
            self._left[campaign_id] -= cost
            self.takings.spent[campaign_id] = self.takings.spent.get(campaign_id, 0) + cost


def scaled(cost: int, percent_bp: int) -> int:
    """The cost times a percentage in basis points, half-up."""
    return (2 * cost * percent_bp + FULL) // (2 * FULL)
