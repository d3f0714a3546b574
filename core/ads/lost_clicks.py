"""Clicks that were not accepted: people hear of them at once, and the incident ends with its day."""

from __future__ import annotations

from config.clock import today
from core import alerts
from core.alerts import Severity

KIND = "clicks_not_accepted"


def of_messages() -> str:
    """The key of today's incident of messages that were given up."""
    return str(today())


def of_redirect() -> str:
    """The key of today's incident of clicks that the redirect could hand over in no way."""
    return f"{today()} redirect"


def tell(clicks: int) -> None:
    """Raise the incident of clicks of which nothing is left but their ids in the log; the next round announces it."""
    words = {
        "object": f"clicks of {today()}",
        "happened": f"{clicks} could be handed over in no way: broker, database and disk failed together",
        "done": "the visitors were sent on; nothing is left of their clicks",
        "left": "look at the broker, the database and SPOOL_DIR; the log names each as click_not_accepted",
    }
    alerts.raise_alert(KIND, of_redirect(), Severity.CRITICAL, words)
