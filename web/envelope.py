"""The message around clicks that are encoded already: joined bytes, because the same bytes serve as spool lines."""

from __future__ import annotations

from collections.abc import Sequence

from config import catalog
from models.envelope import encode_around

QUEUE = catalog.TASKS["process_clicks"].queue


def message(bodies: Sequence[bytes]) -> bytes:
    """One message for one click, one message for several."""
    if len(bodies) == 1:
        return encode_around("process_click", "click", bodies[0])
    return encode_around("process_clicks", "clicks", b"[" + b",".join(bodies) + b"]")
