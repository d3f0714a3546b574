"""What went wrong in a run, sorted by what is to be done about it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from peewee import InterfaceError, OperationalError

from integrations.errors import OutcomeUnknown, Rejected

_ROOT = Path(__file__).parent.parent
_TRACE_BYTES = 2048
# SQLSTATE classes of a server that is not there, is shutting down, or has no room left
_DOWN_STATES = ("08", "53", "57P", "58")
_DOWN_TEXTS = ("locked", "disk", "unable to open")


class BadMessage(ValueError):
    """The arguments do not fit the task; sending the same message again cannot help."""


class OpenTransaction(RuntimeError):
    """The task ended with a transaction still open; its work was rolled back."""


class Busy(Exception):
    """The task cannot run now, through no fault of the message: it is sent again after `seconds`, at no cost."""

    def __init__(self, seconds: float) -> None:
        super().__init__("busy")
        self.seconds = seconds


PERMANENT = (Rejected, OutcomeUnknown, BadMessage)


def is_database_down(error: BaseException) -> bool:
    """Whether the database itself was the trouble; a slow or refused statement is not."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    cause: Any = getattr(error, "orig", None)  # the error of the driver, which peewee wraps
    state = getattr(cause, "pgcode", None)
    if state is not None:
        return str(state).startswith(_DOWN_STATES)
    if type(cause).__module__.startswith("sqlite3"):
        return any(text in str(cause) for text in _DOWN_TEXTS)
    return True


def cause_of(error: BaseException) -> str:
    """The class and the innermost function of ours, as in `KeyError in core/ads/till.py charge`; never a value."""
    frames = _our_frames(error)
    return f"{type(error).__name__} in {frames[-1][0]} {frames[-1][2]}" if frames else type(error).__name__


def trace_of(error: BaseException) -> str:
    """The class and our own frames, at most 2 KiB; exception texts may hold personal data and stay out."""
    lines = [f"{path}:{line} {name}" for path, line, name in _our_frames(error)]
    return "\n".join([*lines, type(error).__name__])[-_TRACE_BYTES:]


def _our_frames(error: BaseException) -> list[tuple[str, int, str]]:
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and "site-packages" not in frame.filename:
            found.append((str(path.relative_to(_ROOT)), frame.lineno or 0, frame.name))
    return found
