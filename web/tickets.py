"""A click that waits for its hand-over, and the ways a hand-over can end."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Iterable, Sequence
from enum import StrEnum

GROUP_CLICKS = 500
GROUP_BYTES = 512 * 1024


class Path(StrEnum):
    """How a click was accepted; `none` means that it was not."""

    QUEUE = "queue"
    INLINE = "inline"
    SPOOL = "spool"
    NONE = "none"


class Ticket:
    """One click, encoded once, and the lock its request waits on: a bare lock wakes a thread at the least cost."""

    __slots__ = ("_lock", "body", "gone", "path")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.path = Path.NONE
        self.gone = False
        self._lock = allocate_lock()
        self._lock.acquire()

    def settle(self, path: Path) -> None:
        """Let the waiting request go on; to be called once."""
        self.path = path
        self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait to be settled; False if that did not happen in time."""
        return self._lock.acquire(timeout=seconds)


def take_group(waiting: list[Ticket]) -> list[Ticket]:
    """Remove the next group, oldest first, from a list."""
    count = fitting([ticket.body for ticket in waiting[:GROUP_CLICKS]])
    group = waiting[:count]
    del waiting[:count]
    return group


def fitting(bodies: Sequence[bytes]) -> int:
    """How many clicks from the start fit into one message: at most 500 and 512 KiB, at least one if there is one."""
    size = 0
    for count, body in enumerate(bodies[:GROUP_CLICKS]):
        size += len(body) + 1
        if size > GROUP_BYTES and count:
            return count
    return min(len(bodies), GROUP_CLICKS)


def settle_all(group: Iterable[Ticket], path: Path) -> None:
    """Let all requests of a group go on."""
    for ticket in group:
        ticket.settle(path)
