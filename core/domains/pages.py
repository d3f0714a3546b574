"""Opens the pages of many domains side by side, as visitors would, within a given time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.clock import monotonic
from config.settings import Settings
from core.domains import pauses, platforms
from integrations import http_preview
from integrations.errors import OutsideError
from integrations.http_preview import Preview
from integrations.safe_browsing.pool import each
from integrations.tls import Tls

THREADS = 16


def look(addresses: Mapping[str, Sequence[str]], settings: Settings, *, seconds: float) -> dict[str, Preview]:
    """Certificate and page of each host at its addresses; hosts that the time did not suffice for are left out."""
    tls, ends_at = Tls.from_settings(settings), monotonic() + seconds

    def open_page(host: str) -> Preview | None:
        return http_preview.look(host, addresses[host], tls) if monotonic() < ends_at else None

    wanted = [host for host, known in addresses.items() if known]
    found = each(wanted, open_page, threads=THREADS, leave=_nothing)
    return {host: preview for host, preview in found.items() if preview is not None}


def _nothing() -> None:
    """Every connection is closed with its page."""


def in_voluum() -> frozenset[str] | None:
    """The tracking domains of the Voluum account; None when there is no account, or it does not list them now."""
    account = platforms.voluum()
    if account is None or pauses.paused("voluum"):
        return None
    try:
        return frozenset(name.lower() for name in account.tracker_domains())
    except OutsideError:
        return None
