"""How long what is kept of a click: addresses, refusals, settled faults."""

from __future__ import annotations

from datetime import timedelta

from config.clock import today
from config.settings import get_settings
from core.ads import sealing
from models import address_erasure, archive, old_refusals


def erase_addresses() -> int:
    """Put a keyed hash in the place of the addresses of old clicks, in the archive too; how many rows changed."""
    before = today() - timedelta(days=get_settings().ip_retention_days)
    key = sealing.hash_key()
    with archive.store().session():
        return sum(
            address_erasure.live(table, before, key) + address_erasure.archived(table, before, key)
            for table in address_erasure.TABLES
        )


def drop_old_refusals() -> tuple[int, int]:
    """Drop refused clicks and settled faults that have been kept long enough; (days of refusals, faults)."""
    settings, current = get_settings(), today()
    with archive.store().session():
        days = old_refusals.drop_rejected(current - timedelta(days=settings.rejected_retention_days))
        return days, old_refusals.drop_errors(current - timedelta(days=settings.error_retention_days))
