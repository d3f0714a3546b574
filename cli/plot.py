"""Bars of numbers by day, drawn with characters."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL = "█"
SHORTEST = 10


def bars(title: str, points: Sequence[tuple[str, int, str]], width: int | None = None) -> list[str]:
    """A title and one line per (label, value, text); the longest bar fills the width, negative values have none."""
    labels = max((len(label) for label, _, _ in points), default=0)
    texts = max((len(text) for _, _, text in points), default=0)
    room = max(SHORTEST, (width or shutil.get_terminal_size().columns) - labels - texts - 3)
    most = max((value for _, value, _ in points), default=0)
    lines = (f"{label:<{labels}} {text:>{texts}} {_bar(value, most, room)}" for label, value, text in points)
    return [title, *(line.rstrip() for line in lines)]


def _bar(value: int, most: int, room: int) -> str:
    eighths = room * 8 * value // most if value > 0 else 0
    return _FULL * (eighths // 8) + _EIGHTHS[eighths % 8]
