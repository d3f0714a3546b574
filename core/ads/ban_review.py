"""Bans that may hit the wrong people: shared networks show in many visitors, our own mistakes in private networks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network

from config.clock import today
from config.settings import get_settings
from core.ads.actors import Networks, is_bannable
from models import ban_review
from models.ban_review import Effect


class NetworkKind(StrEnum):
    """Whose a listed network is."""

    PUBLIC = "public"
    PRIVATE = "private"
    ALLOWED = "allowed"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An entry, what it did lately, and whose network it is."""

    entry: Effect
    kind: NetworkKind


def review(*, days: int, source: str | None = None, limit: int = 50) -> list[Reviewed]:
    """The entries that refused most, with what they did in the last so many days."""
    settings = get_settings()
    own, allowed = Networks(settings.trusted_proxies), Networks(settings.allowlist_nets)
    found = ban_review.effects(today() - timedelta(days=days - 1), source=source, limit=limit)
    return [Reviewed(entry, _kind(entry.net, own, allowed)) for entry in found]


def _kind(net: str, own: Networks, allowed: Networks) -> NetworkKind:
    network = ip_network(net)
    if own.overlaps(network):
        return NetworkKind.OWN
    if allowed.overlaps(network):
        return NetworkKind.ALLOWED
    return NetworkKind.PUBLIC if is_bannable(net) else NetworkKind.PRIVATE
