"""A real worker process with tasks that misbehave; run with `python -m tests.runtime.odd_worker SECONDS`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import sleep

from config import catalog
from config.catalog import NEVER, Area, Retry, Task
from config.clock import monotonic
from config.settings import get_settings

ROWS = {"crash": NEVER, "linger": NEVER, "jot": Retry(3, 0.1, 0.1), "stubborn": NEVER}


def declare() -> None:
    """Put the rows into the catalog and declare the actors."""
    for name, retry in ROWS.items():
        catalog.TASKS[name] = Task(name, "jobs", Area.SHARED, 600 if name in ("linger", "stubborn") else 15, retry)
    from worker.actor import actor

    for function in (crash, linger, jot, stubborn):
        actor(function)


def crash(journal: str) -> None:
    """Take the whole process down."""
    write(journal, "crash")
    os._exit(9)


def linger(journal: str, seconds: float) -> None:
    """Take long, in steps that can be interrupted."""
    write(journal, "begun")
    until = monotonic() + seconds
    while monotonic() < until:
        sleep(0.05)
    write(journal, "ended")


def stubborn(journal: str) -> None:
    """Hang where no exception arrives."""
    write(journal, "begun")
    sleep(600)


def jot(journal: str, word: str) -> None:
    """Note one word."""
    write(journal, word)


def write(journal: str, word: str) -> None:
    """One line that survives whatever comes next."""
    with Path(journal).open("a", encoding="ascii") as file:
        file.write(f"{word}\n")
        file.flush()
        os.fsync(file.fileno())


def main() -> int:
    """Run a worker on the queue of these tasks."""
    declare()
    from worker import broker, middleware
    from worker.process import run

    middleware.SHUTDOWN_AFTER = float(sys.argv[1])
    broker.ACTOR_MODULES = ("worker.shared",)
    return run(get_settings(), queues=["jobs"], threads=2)


if __name__ == "__main__":
    raise SystemExit(main())
