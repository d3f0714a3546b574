"""A worker of ours with one more task, which does nothing: everything around it is what every task gets."""

from __future__ import annotations

import sys

from bench.peers.noop import PREFETCH, QUEUE, TASK, THREADS
from config import catalog
from config.catalog import Area, Lane, Task
from config.settings import get_settings


def main() -> int:
    """Serve the queue until SIGTERM."""
    catalog.TASKS[TASK] = Task(TASK, QUEUE, Area.SHARED, 30)
    catalog.LANES["bench"] = Lane("bench", (QUEUE,), THREADS, PREFETCH)
    from worker.actor import actor
    from worker.process import run

    @actor
    def noop(number: int) -> None:
        """Do nothing."""

    return run(get_settings(), lanes=["bench"], queues=[], threads=None)


if __name__ == "__main__":
    sys.exit(main())
