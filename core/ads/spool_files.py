"""Files of the click spool: names, locks that show whether the owner lives, and what is in them."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

_PATTERN = "clicks-*.jsonl"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
_BLOCK = 2**20


class SpooledClicks(NamedTuple):
    """Message bodies in the order they were written, and how many lines were torn."""

    clicks: list[Mapping[str, Any]]
    torn: int


class Depth(NamedTuple):
    """What waits in the spool, of all processes."""

    files: int
    bytes: int
    clicks: int


def name(pid: int, number: int | str) -> str:
    """The name of a process's spool file."""
    return f"clicks-{pid}-{number}.jsonl"


def paths(directory: Path) -> list[Path]:
    """All spool files, oldest name first; raises OSError if the directory is not there."""
    with os.scandir(directory) as entries:
        return sorted(Path(entry.path) for entry in entries if Path(entry.name).match(_PATTERN))


def size(path: Path) -> int:
    """Bytes in the file; 0 if it was deleted meanwhile."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def create(path: Path) -> int | None:
    """A new file, open for appending and locked; None if the name is taken."""
    try:
        descriptor = os.open(path, _CREATE, 0o600)
    except FileExistsError:
        return None
    # between creation and lock another process may have taken the empty file for a dead one
    return descriptor if _locked(descriptor, path) else None


def lock(path: Path) -> int | None:
    """An existing file, locked; None if its owner lives or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    return descriptor if _locked(descriptor, path) else None


def _locked(descriptor: int, path: Path) -> bool:
    """Lock the file if it still has this name; otherwise close it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return True
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return False


def require_name(descriptor: int) -> None:
    """Raise FileNotFoundError if somebody deleted the open file: what is written to it would be lost."""
    if os.fstat(descriptor).st_nlink == 0:
        raise FileNotFoundError(errno.ENOENT, "the spool file was deleted")


def is_dead(path: Path) -> bool:
    """True if no living process owns the file."""
    descriptor = lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def sync_directory(directory: Path) -> None:
    """Make created, renamed and deleted names durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> SpooledClicks:
    """The clicks in a file; a line that a crash cut short is counted, and the rest is read all the same."""
    clicks: list[Mapping[str, Any]] = []
    torn = 0
    with path.open("rb") as file:
        for line in file:
            click = _parsed(line)
            if click is None:
                torn += 1
            else:
                clicks.append(click)
    return SpooledClicks(clicks, torn)


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


class LineCounter:
    """Counts lines, reading of each file only what was added since the last count."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int]] = {}

    def depth(self, directory: Path) -> Depth:
        """What waits in the directory now."""
        found = paths(directory)
        self._known = {path: self._count(path) for path in found}
        sizes, lines = zip(*self._known.values(), strict=True) if found else ((), ())
        return Depth(len(found), sum(sizes), sum(lines))

    def _count(self, path: Path) -> tuple[int, int]:
        offset, lines = self._known.get(path, (0, 0))
        if size(path) < offset:
            offset, lines = 0, 0
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(offset)
            while block := file.read(_BLOCK):
                offset += len(block)
                lines += block.count(b"\n")
        return offset, lines
