"""How an answer reaches the socket: the bytes, their pace, and the end of the connection."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from sandbox.wire import Answer, Request, render


class Ending(StrEnum):
    """What happens to the connection after the last byte."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


class Delivery(msgspec.Struct, frozen=True):
    """`status` None means that no status line is sent; waits are milliseconds."""

    status: int | None
    chunks: Iterable[bytes]
    ending: Ending
    wait_ms: float = 0
    gap_ms: float = 0


def whole(answer: Answer, request: Request) -> Delivery:
    """The answer as it is, at once."""
    ending = Ending.KEEP if request.keep_alive else Ending.CLOSE
    return Delivery(answer.status, (render(answer, request),), ending, answer.delay_ms)


def silent(ending: Ending) -> Delivery:
    """Not one byte."""
    return Delivery(None, (), ending)
