"""The lease of a task whose worker is gone: inherited where that can be seen, waited for where it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import timedelta
from time import sleep

import pytest

from config.catalog import every
from config.clock import now
from models.runtime import TaskLease
from tests.eventually import eventually
from tests.runtime.conftest import Stage
from worker.runs import PROCESS


def dead_pid() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def ran_within(stage: Stage, holder: str, seconds: float) -> bool:
    """Whether a task runs while somebody else seems to hold its lease."""
    runs: list[int] = []

    def tick() -> None:
        runs.append(1)

    TaskLease.create(task="tick", holder=holder, expires_at=now() + timedelta(hours=1))
    task = stage.task(tick, trigger=every(60), lease=30)
    stage.work()
    task.send()
    eventually(lambda: stage.counts()[0] == 0)
    if seconds:
        sleep(seconds)
    else:
        eventually(lambda: runs, what="the run")
    return bool(runs)


def test_a_run_inherits_the_lease_of_a_process_of_this_host_that_is_gone(stage: Stage) -> None:
    assert ran_within(stage, f"m-1/{socket.gethostname()}-{dead_pid()}", seconds=0)
    eventually(lambda: TaskLease.select().count() == 0, what="the lease is given back")


@pytest.mark.parametrize("process", [PROCESS, "another-host-1", "strange"], ids=["alive", "elsewhere", "unreadable"])
def test_a_run_never_takes_a_lease_whose_holder_may_live(stage: Stage, process: str) -> None:
    assert not ran_within(stage, f"m-1/{process}", seconds=0.3)
    assert TaskLease.get().holder == f"m-1/{process}"
