"""What calls to the outside are counted by; whoever serves metrics in a process serves these too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

from config.clock import monotonic

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CALLS = Counter("signalbox_outside_calls_total", "Calls to outside services", ["service", "result"])
SECONDS = Histogram("signalbox_outside_call_seconds", "Time of one call", ["service"], buckets=_SECONDS)


@contextmanager
def measured(service: str) -> Iterator[None]:
    """Count one call under `ok` or the name of its failure or interruption, and its time."""
    began, result = monotonic(), "ok"
    try:
        yield
    except BaseException as error:
        result = type(error).__name__
        raise
    finally:
        CALLS.labels(service, result).inc()
        SECONDS.labels(service).observe(monotonic() - began)
