"""What the load generator saw, line by line on disk: the only witness that a chaos run believes about visitors."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from config.clock import monotonic

_SYNC_SECONDS = 0.05


class Journal:
    """Writes `attempt` and `ack` lines; each reaches the kernel at once and the disk within a twentieth of a second.

    Times are seconds since `started` (Unix time), which is the first line.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o644)
        self._closing = threading.Event()
        self._zero = monotonic()
        self._write(f"start {time.time():.6f}")
        self._syncing = threading.Thread(target=self._sync, name="journal-sync", daemon=True)
        self._syncing.start()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._syncing.join()
        os.close(self._file)

    def seconds(self) -> float:
        """Seconds since the first line."""
        return monotonic() - self._zero

    def attempt(self, number: int) -> None:
        """This request is about to be sent."""
        self._write(f"attempt {number} {self.seconds():.6f}")

    def ack(self, number: int, status: int, location: str, latency: float) -> None:
        """The visitor got this answer, so many seconds after the request was due."""
        self._write(f"ack {number} {self.seconds():.6f} {status} {location or '-'} {latency:.6f}")

    def lost_answer(self, number: int, why: str) -> None:
        """No answer came; what became of the click is open."""
        self._write(f"none {number} {self.seconds():.6f} {why}")

    def _write(self, line: str) -> None:
        os.write(self._file, line.encode() + b"\n")

    def _sync(self) -> None:
        while not self._closing.wait(_SYNC_SECONDS):
            os.fsync(self._file)
        os.fsync(self._file)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: when it came, what it said, how late it was in seconds."""

    at: float
    status: int
    location: str
    latency: float


@dataclass
class Record:
    """A journal read back, by visit number; times in seconds since `started`."""

    started: float = 0.0
    attempts: dict[int, float] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)

    def latencies(self, first: float = 0.0, last: float = float("inf")) -> list[float]:
        """Sorted latencies in seconds of visits whose answers came within this part of the run."""
        return sorted(answer.latency for answer in self.answers.values() if first <= answer.at <= last)


def read(path: Path) -> Record:
    """Read a journal; a last line that was cut short is left out."""
    record = Record()
    for words in _lines(path):
        kind, number = words[0], words[1]
        if kind == "start":
            record.started = float(number)
        elif kind == "attempt":
            record.attempts[int(number)] = float(words[2])
        elif kind == "ack":
            record.answers[int(number)] = Answer(float(words[2]), int(words[3]), words[4], float(words[5]))
        else:
            record.failures[int(number)] = words[3]
    return record


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield line.split()


def quantile(ordered: list[float], share: float) -> float:
    """The value below which this share of sorted values lies; 0 for none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
