"""The sweep over clicks that wait for AdLoad: what was interrupted or could not be charged is tried again."""

from __future__ import annotations

from datetime import timedelta

from config.clock import monotonic
from config.settings import get_settings
from core.ads import charging
from core.ads.outcomes import Tally
from integrations.adload.port import AdLoad

BATCH = 500
BUDGET_SECONDS = 30.0
"""Of the 50 s lease; an attempt that begins within it may still take its batch timeout."""


def finish(adload: AdLoad, *, seconds: float = BUDGET_SECONDS, batch: int = BATCH) -> Tally:
    """Repeat charge and record of every due click until none is left or the time is up."""
    settings = get_settings()
    terms = charging.Terms(settings.local_timezone, timedelta(hours=settings.adload_retry_max_age_h))
    tally, ends_at = Tally(), monotonic() + seconds
    while dues := charging.claim_due(adload, batch):
        tally.merge(charging.settle(dues, adload, terms))
        if monotonic() >= ends_at:
            break
    return tally
