"""What is counted of the operators' chat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

MESSAGES = Counter("signalbox_telegram_messages_total", "Attempts to tell operators something", ["result"])
BACKLOG = Gauge("signalbox_telegram_backlog", "Incidents whose message is not up to date, or is to be repeated")


@contextmanager
def counted() -> Iterator[None]:
    """Count one attempt under `ok` or the name of its failure."""
    try:
        yield
    except Exception as error:
        MESSAGES.labels(type(error).__name__).inc()
        raise
    MESSAGES.labels("ok").inc()
