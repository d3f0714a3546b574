"""Many threads, one write: what gathers during a write goes to the disk together in the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CommitTimeout(Exception):
    """The write did not end in time; it may still succeed."""


class _Group:
    """Bytes that share one write, and how that went."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.done = threading.Event()
        # until the write has returned nothing is safe, even if the writing thread dies in between
        self.error: BaseException | None = CommitTimeout("the write was interrupted")


class GroupCommit:
    """Calls `write` with the bytes of all waiting threads, by one thread at a time, without a timer."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._gathering = threading.Lock()
        self._writing = threading.Lock()
        self._forming: _Group | None = None

    def append(self, data: bytes, timeout: float | None = None) -> None:
        """Return when a write that held `data` has returned; raises what it raised, or CommitTimeout.

        `timeout`, in seconds, bounds the wait for the writes of other threads, not one's own write.
        """
        group, leads = self._join(data)
        if leads:
            self._lead(group, timeout)
        elif not group.done.wait(timeout):
            raise CommitTimeout("the write did not end in time")
        if group.error is not None:
            raise group.error

    def _join(self, data: bytes) -> tuple[_Group, bool]:
        with self._gathering:
            leads = self._forming is None
            group = self._forming = self._forming or _Group()
            group.parts.append(data)
        return group, leads

    def _lead(self, group: _Group, timeout: float | None) -> None:
        """Write the group; until the earlier write has ended others may still join."""
        entered = self._writing.acquire(timeout=-1 if timeout is None else timeout)
        try:
            with self._gathering:
                self._forming = None
            if entered:
                group.error = self._outcome(b"".join(group.parts))
        finally:
            group.done.set()
            if entered:
                self._writing.release()

    def _outcome(self, data: bytes) -> Exception | None:
        try:
            self._write(data)
        except Exception as error:  # noqa: BLE001 - raised again in every waiting thread
            return error
        return None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No write runs inside this block."""
        with self._writing:
            yield
