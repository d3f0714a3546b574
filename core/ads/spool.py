"""Clicks on the local disk while broker and database are down: fsynced lines, kept until somebody hands them on."""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config.ids import new_id
from core.ads import spool_files
from core.ads.group_commit import CommitTimeout, GroupCommit
from core.ads.spool_files import Depth, LineCounter, SpooledClicks

ROTATE_BYTES = 16 * 2**20
MAX_BYTES = 2**30

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_RECOUNT_SECONDS = 1.0
_OPEN_ATTEMPTS = 10_000


class SpoolUnavailable(OSError):
    """The lines are not safe on the disk; the click is not accepted."""


class SpoolFull(SpoolUnavailable):
    """The disk, or the share of it that the spool may take, is used up."""


class Spool:
    """The spool of one process; every method may be called from any thread.

    The files of a living process are locked. `max_bytes` bounds the directory, all processes together, give or
    take what they write within a second. Nothing touches the disk before `prepare` or the first `append`.
    """

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.directory = Path(directory)
        self.max_bytes = max_bytes
        self.rotate_bytes = rotate_bytes
        self._commits = GroupCommit(self._write)
        self._current: tuple[Path, int] | None = None
        self._size = 0
        self._rotated: dict[Path, int] = {}
        self._claimed: dict[Path, int] = {}
        self._numbers = itertools.count(1)
        self._total = 0
        self._counted_at = float("-inf")
        self._counter = LineCounter()

    def prepare(self) -> None:
        """Make the directory if it is missing; raises SpoolUnavailable."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unavailable(error) from error

    def append(self, lines: Sequence[bytes], timeout: float | None = None) -> None:
        """Return once the lines, each one JSON object without a line end, are safe on the disk.

        Threads that wait at the same time share one write and one fsync. Raises SpoolFull or SpoolUnavailable;
        `timeout` (seconds) bounds the wait for another thread's write, after which a line may be stored all the same.
        """
        if any(b"\n" in line for line in lines):
            raise ValueError("a spool line must not hold a line end")
        try:
            self._commits.append(b"".join([line + b"\n" for line in lines]), timeout)
        except CommitTimeout as error:
            raise SpoolUnavailable(errno.ETIMEDOUT, str(error)) from error

    def _write(self, data: bytes) -> None:
        try:
            self._require_room(len(data))
            self._store(self._writable(len(data)), data)
        except SpoolUnavailable:
            raise
        except OSError as error:
            raise _unavailable(error) from error

    def _require_room(self, size: int) -> None:
        """Other processes write to the directory and drainers empty it, so the count is refreshed now and then."""
        stale = time.monotonic() - self._counted_at > _RECOUNT_SECONDS
        if stale or self._total + size > self.max_bytes:
            self._total = sum(spool_files.size(path) for path in spool_files.paths(self.directory))
            self._counted_at = time.monotonic()
        if self._total + size > self.max_bytes:
            raise SpoolFull(errno.ENOSPC, f"the spool has reached its bound of {self.max_bytes} bytes")

    def _writable(self, size: int) -> int:
        if self._size and self._size + size > self.rotate_bytes:
            self._set_aside()
        if self._current is None:
            self._current = self._open()
            spool_files.sync_directory(self.directory)
        return self._current[1]

    def _open(self) -> tuple[Path, int]:
        # in a container every process has the same pid, so files of earlier lives may hold the first numbers
        for number in itertools.islice(self._numbers, _OPEN_ATTEMPTS):
            path = self.directory / spool_files.name(os.getpid(), number)
            descriptor = spool_files.create(path)
            if descriptor is not None:
                return path, descriptor
        raise SpoolUnavailable(errno.EEXIST, "no free name for a spool file")

    def _store(self, descriptor: int, data: bytes) -> None:
        try:
            self._write_all(descriptor, data)
        except OSError:
            self._cut(descriptor)
            raise
        self._size += len(data)
        self._total += len(data)

    def _write_all(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        try:
            os.fsync(descriptor)
            spool_files.require_name(descriptor)
        except OSError:
            # the kernel reports a lost page once and then calls the file clean: never trust it again
            self._set_aside()
            raise

    def _cut(self, descriptor: int) -> None:
        """Cut off a half-written group, so that the next line does not continue a torn one."""
        good = self._size if self._current is not None else None
        try:
            if good is not None:
                os.ftruncate(descriptor, good)
        except OSError:
            self._set_aside()

    def _set_aside(self) -> None:
        """Write no more to the current file; what it holds waits to be handed on."""
        if self._current is not None:
            path, descriptor = self._current
            self._rotated[path] = descriptor
            self._current, self._size = None, 0

    def rotate(self) -> None:
        """Close the current file, if it holds anything, so that its clicks can be handed on."""
        with self._commits.paused():
            if self._size:
                self._set_aside()

    def own_files(self) -> list[Path]:
        """Files that this process has written to the end, or claimed and released; oldest first."""
        return list(self._rotated)

    def dead_files(self) -> list[Path]:
        """Files whose owner is gone; raises SpoolUnavailable if the directory is."""
        current = self._current
        held = {*self._rotated, *self._claimed, *((current[0],) if current else ())}
        try:
            return [
                path for path in spool_files.paths(self.directory) if path not in held and spool_files.is_dead(path)
            ]
        except OSError as error:
            raise _unavailable(error) from error

    def claim(self, path: Path) -> Path | None:
        """Take a file of `own_files` or `dead_files` for handing on, under a new name; None if another was faster.

        Raises SpoolUnavailable. If this process dies the file is a dead one again, and its clicks are handed on once
        more, which is harmless.
        """
        descriptor = self._rotated.pop(path, None) or spool_files.lock(path)
        if descriptor is None:
            return None
        # a name of its own needs no new file to reserve it, so that a full disk can still be drained
        target = self.directory / spool_files.name(os.getpid(), new_id().hex)
        try:
            path.rename(target)
            spool_files.sync_directory(self.directory)
        except OSError as error:
            os.close(descriptor)
            raise _unavailable(error) from error
        self._claimed[target] = descriptor
        return target

    def release(self, path: Path) -> None:
        """Give a claimed file back, because handing it on did not succeed; it appears in `own_files` again."""
        self._rotated[path] = self._claimed.pop(path)

    def read(self, path: Path) -> SpooledClicks:
        """The clicks in a claimed file and the number of torn lines."""
        return spool_files.read(path)

    def delete(self, path: Path) -> None:
        """Remove a claimed file after every click in it was confirmed elsewhere."""
        path.unlink()
        spool_files.sync_directory(self.directory)
        os.close(self._claimed.pop(path))
        self._counted_at = float("-inf")

    def depth(self) -> Depth:
        """What waits in the directory, of all processes; nothing if there is no directory."""
        with suppress(FileNotFoundError):
            return self._counter.depth(self.directory)
        return Depth(0, 0, 0)

    def close(self) -> None:
        """Let go of all files; those that hold clicks are dead files from now on."""
        with self._commits.paused():
            if self._current is not None and not self._size:
                self._current[0].unlink(missing_ok=True)
            self._set_aside()
            for files in (self._rotated, self._claimed):
                while files:
                    os.close(files.popitem()[1])


def _unavailable(error: OSError) -> SpoolUnavailable:
    kind = SpoolFull if error.errno in _FULL else SpoolUnavailable
    return kind(error.errno, error.strerror)
