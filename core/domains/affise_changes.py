"""What a request wants of the offers of a tenant: hosts exchanged, or whole addresses where no domain is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.domains import platform_plan
from core.domains.hosts import host_of, replace_host
from core.domains.platform_plan import Change
from models.affise_requests import Request

Raw = Mapping[str, Any]


def wanted(
    offers: Sequence[Raw], former: set[str], request: Request, parked: Mapping[int, tuple[str, str]]
) -> list[Change]:  # fmt: skip
    """What to change in these offers for a request.

    Offers that were sent to the pipeline's own address while it had no domain come back with the address they had. An
    address that cannot be stored is left to people.
    """
    if request.whole_url:
        changes = platform_plan.trafficback_changes(offers, former, request.new)
    else:
        changes = platform_plan.offer_changes(offers, former, request.new)
        changes += [change for raw in offers if (change := _returned(raw, request.new, parked))]
    return [change for change in changes if "\0" not in change.before]


def _returned(raw: Raw, new: str, parked: Mapping[int, tuple[str, str]]) -> Change | None:
    before, since = parked.get(raw["id"], (None, None))
    host = host_of(before) if before else None
    if before is None or host is None or raw.get("url") != since:
        return None
    title = str(raw.get("title") or "")
    return Change("offer", str(raw["id"]), title, "url", str(since), replace_host(before, host, new), _when(raw))


def _when(raw: Raw) -> str | None:
    value = raw.get("updated_at")
    return value if isinstance(value, str) else None


def row(change: Change) -> tuple[int, str, str, str, str, str | None]:
    """A change as it is stored."""
    return (
        int(change.object_id),
        change.title.replace("\0", ""),
        change.field,
        change.before,
        change.after,
        change.updated_at,
    )
