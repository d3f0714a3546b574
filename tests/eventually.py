"""Waiting for what other threads and processes do."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any


def eventually(condition: Callable[[], object], seconds: float = 60.0, what: str = "the condition") -> Any:
    """The first true value of the condition."""
    deadline = monotonic() + seconds
    while not (value := condition()):
        assert monotonic() < deadline, f"{what} did not come true within {seconds} s"
        sleep(0.01)
    return value
