"""Incidents about requests to Affise that wait for a person; closed when they wait no more, for whatever reason."""

from __future__ import annotations

from models import affise_requests
from worker import alerts

APPROVAL = "affise_approval"


def settle() -> None:
    """Close those of requests that were decided, ran out, or were taken over by a newer switch."""
    alerts.settle(APPROVAL, map(str, affise_requests.awaiting()))
