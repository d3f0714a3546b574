"""What is derived from stored sums when they are read: exact integers, 0 wherever there is nothing to divide by."""

from __future__ import annotations

from collections.abc import Mapping

HUNDRED_PERCENT = 10_000
_REJECTED = ("rejected_warning", "rejected_banned", "rejected_filtered")


def derived(sums: Mapping[str, int]) -> dict[str, int]:
    """Measures of one line; `_bp` are hundredths of a percent, money is micro-units, times are milliseconds."""
    own = {name: sums.get(name, 0) for name in _USED}
    unique, shown = own["clicks_unique"], own["impressions"]
    social, social_shown = own["social_clicks_unique"], own["social_impressions"]
    return {
        "ctr_bp": basis_points(unique, shown),
        "block_ctr_bp": basis_points(unique, own["block_views"]),
        "social_ctr_bp": basis_points(social, social_shown),
        "ctr_difference_bp": basis_points(social * shown, social_shown * unique),
        "visibility_bp": _visibility(own["block_views"], own["block_views_requested"]),
        "average_click_price": rounded(own["partner_cost"], unique),
        "publisher_share_bp": basis_points(own["partner_cost"], own["advertiser_cost"]),
        "average_view_ms": rounded(own["view_ms"], own["clicks"] + own["social_clicks"]),
        "income": own["advertiser_cost"] - own["partner_cost"],
        "rejected": sum(own[name] for name in _REJECTED),
    }


_USED = (
    "clicks", "clicks_unique", "impressions", "social_clicks", "social_clicks_unique", "social_impressions",
    "block_views", "block_views_requested", "partner_cost", "advertiser_cost", "view_ms", *_REJECTED,
)  # fmt: skip


def basis_points(part: int, whole: int) -> int:
    """`part` of `whole` in hundredths of a percent."""
    return rounded(HUNDRED_PERCENT * part, whole)


def rounded(value: int, divisor: int) -> int:
    """The quotient to the nearest integer, halves up; 0 for a zero divisor."""
    return (2 * value + divisor) // (2 * divisor) if divisor else 0


def _visibility(seen: int, requested: int) -> int:
    return min(HUNDRED_PERCENT, basis_points(seen, requested)) if requested else HUNDRED_PERCENT
