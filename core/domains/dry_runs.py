"""Dry runs: at which services nothing is written for now, and what is stored and told because of that."""

from __future__ import annotations

from config.settings import get_settings
from models.dry_marks import MARK, marked

__all__ = ["marked", "on", "remark"]


def on(service: str) -> bool:
    """Whether nothing is written at a service for now."""
    return bool(getattr(get_settings(), f"{service}_dry_run", False))


def remark(service: str, error: str | None) -> str | None:
    """What is stored beside a state that was reached now: the error, if any, and that nothing was written."""
    if not on(service):
        return error
    return f"{MARK}; {error}" if error else MARK
