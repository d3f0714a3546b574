"""One reading for everybody who asks for it while another is under way, so that a crowd does not ask one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Reading(Generic[_Result]):
    """Reads at most once at a time; what a caller gets was begun after it had asked. Nothing is kept for later."""

    def __init__(self, read: Callable[[], _Result]) -> None:
        self._read = read
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._begun = self._asking = 0
        self._last: Future[_Result] | None = None

    def get(self) -> _Result:
        """What was read, or the error that reading ended in, the same for all who shared it."""
        with self._lock:
            known = self._begun
            self._asking += 1
        try:
            with self._turn:
                if self._last is None or self._begun == known:
                    self._last = None  # if the reading is broken off, nobody may take the one before for it
                    self._last = self._begin()
                last = self._last
        finally:
            with self._lock:
                self._asking -= 1
                if not self._asking:
                    self._last = None
        return last.result()

    def _begin(self) -> Future[_Result]:
        with self._lock:
            self._begun += 1
        found: Future[_Result] = Future()
        try:
            found.set_result(self._read())
        except Exception as error:  # noqa: BLE001  raised to everybody who waits for it
            found.set_exception(error)
        return found
