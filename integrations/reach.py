"""What the settings say of every HTTP service alike, as a client takes it."""

from __future__ import annotations

from typing import TypedDict

from config.services import Timeout
from config.settings import Settings


class Reach(TypedDict):
    """How a service is reached."""

    timeout: Timeout
    ca_bundle: str | None


def reach(settings: Settings, timeout: Timeout) -> Reach:
    """How a service with this timeout is reached."""
    return Reach(timeout=timeout, ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None)
