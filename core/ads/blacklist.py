"""The blacklist as operators see it: entries run out, and a person may list, look up and unblock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from config.clock import now
from config.settings import get_settings
from core.ads.actors import actor_net, unmapped
from models import audit, blacklist, conflicts
from models.audit import ActorKind, Facts
from models.database import db
from models.fields import instant

BATCH = 5000
SHORTEST_PREFIX = {4: 8, 6: 19}
"""Networks wider than the widest that one owner has are listed by mistake, and would refuse half the world."""


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
    """List a network by hand; without `expires_at` for ever. Its canonical text.

    Raises ValueError for what is no network, or one so wide that it can only be a mistake.
    """
    canonical = listable(net)
    with db.atomic():
        _record("blacklist.add", canonical, "", by, note, after={"expires_at": str(expires_at or "never")})
        blacklist.put(canonical, "", now(), expires_at, note, by)
    return canonical


def unblock(net: str, *, by: str, reason: str, visitor_id: str = "") -> Listed | None:
    """Take an entry off, with its row in the audit log; what it was. None if there was none."""
    with db.atomic():
        row = blacklist.take(network(net), visitor_id)
        if row is None:
            return None
        gone = _listed(row)
        before = {"reason_code": gone.reason_code, "source": gone.source, "hits": gone.hits}
        _record("blacklist.remove", gone.net, visitor_id, by, reason, before=before)
    return gone


def listed(net: str | None = None, *, limit: int = 100) -> list[Listed]:
    """Entries, the last violated first; only those of one network if given."""
    return [_listed(row) for row in blacklist.entries(network(net) if net else None, limit)]


def network(text: str) -> str:
    """The canonical text of a network; a bare address stands for the clicker's network. Raises ValueError."""
    plain = text.strip()
    net = unmapped(ip_network(plain, strict=False))
    if "/" in plain or net.version == 4:
        return str(net)
    return actor_net(str(net.network_address), get_settings().ipv6_actor_prefix)


def listable(text: str) -> str:
    """The canonical text of a network that may be listed by hand; raises ValueError."""
    net = network(text)
    wanted = ip_network(net)
    least = SHORTEST_PREFIX[wanted.version]
    if wanted.prefixlen < least:
        raise ValueError(f"{net} is too wide to be listed; at least /{least}")
    return net


def _record(action: str, net: str, visitor_id: str, by: str, reason: str, **facts: Facts) -> None:
    # the cookie of a visitor stays out of the log; that there is one is enough
    whose = f"network:{net}" + (":visitor" if visitor_id else "")
    before, after = facts.get("before"), facts.get("after")
    audit.record(
        actor_kind=ActorKind.USER, actor=by, action=action, object=whose, reason=reason, before=before, after=after
    )


def _listed(row: tuple[Any, ...]) -> Listed:
    net, visitor, reason, source, first, last, hits, expires, note, by = row
    ends = instant(expires) if expires is not None else None
    return Listed(str(net), visitor, reason, source, instant(first), instant(last), hits, ends, note, by)
