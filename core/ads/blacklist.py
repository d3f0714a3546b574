"""The blacklist as operators see it: entries run out, and a person may list, look up and unblock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from config.clock import now
from config.settings import get_settings
from models import blacklist, conflicts
from models.fields import instant

BATCH = 5000


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry; `visitor_id` is empty for a whole network."""

    net: str
    visitor_id: str
    reason_code: str
    source: str
    first_listed_at: datetime
    last_violation_at: datetime
    hits: int
    expires_at: datetime | None
    note: str
    created_by: str


def clean() -> int:
    """Delete automatic entries without a violation for BLACKLIST_DAYS, and entries that have run out; how many."""
    at, total = now(), 0
    before = at - timedelta(days=get_settings().blacklist_days)
    while count := conflicts.transaction(lambda: blacklist.expire(before, at, BATCH)):
        total += count
    return total


def block(net: str, *, note: str, by: str, expires_at: datetime | None = None) -> str:
    """List a network by hand; without `expires_at` for ever. Its canonical text; raises ValueError for no network."""
    canonical = network(net)
    blacklist.put(canonical, "", now(), expires_at, note, by)
    return canonical


def unblock(net: str, *, visitor_id: str = "") -> Listed | None:
    """Take an entry off; what it was, so that the caller can record who did it and why. None if there was none."""
    row = blacklist.take(network(net), visitor_id)
    return _listed(row) if row else None


def listed(net: str | None = None, *, limit: int = 100) -> list[Listed]:
    """Entries, the last violated first; only those of one network if given."""
    return [_listed(row) for row in blacklist.entries(network(net) if net else None, limit)]


def network(text: str) -> str:
    """The canonical text of a network or a bare address; raises ValueError."""
    return str(ip_network(text.strip(), strict=False))


def _listed(row: tuple[Any, ...]) -> Listed:
    net, visitor, reason, source, first, last, hits, expires, note, by = row
    ends = instant(expires) if expires is not None else None
    return Listed(str(net), visitor, reason, source, instant(first), instant(last), hits, ends, note, by)
