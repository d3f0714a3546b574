"""What `signalbox doctor` says: one observation, whether it is as it should be, and what to do when it is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation: its area, ok or not, what was seen, what to do."""

    area: str
    state: str
    what: str
    remedy: str = ""

    def record(self) -> dict[str, Any]:
        """The finding as plain values."""
        return asdict(self)


def ok(area: str, what: str) -> Finding:
    """Something that is as it should be."""
    return Finding(area, "ok", what)


def warn(area: str, what: str, remedy: str) -> Finding:
    """Something that will hurt later."""
    return Finding(area, "!", what, remedy)


def bad(area: str, what: str, remedy: str) -> Finding:
    """Something that hurts now."""
    return Finding(area, "x", what, remedy)
