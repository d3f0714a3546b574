"""The worker as a process: its end, its crashes, its memory of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

from config.clock import monotonic
from config.settings import environment
from models.database import fetch
from models.runtime import DeadReason, Poison
from tests.eventually import eventually
from tests.runtime import odd_worker
from tests.runtime.conftest import QUEUE, Stage
from worker.actor import ACTORS, AppActor

ROOT = Path(__file__).parent.parent.parent


class Journal:
    """What the tasks of another process wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def words(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@contextmanager
def odd(stage: Stage, *, leaves: float = 2) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the stage's broker and database; when it must end it leaves its tasks so many seconds."""
    command = [sys.executable, "-m", "tests.runtime.odd_worker", str(leaves)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment() | {"LOG_FORMAT": "json"})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def task(stage: Stage, name: str) -> AppActor[..., None]:
    """The sender's side of an odd task."""
    made: AppActor[..., None] = stage.task(getattr(odd_worker, name), retry=odd_worker.ROWS[name], seconds=15)
    return made


def test_sigterm_returns_what_has_not_begun_and_ends_although_a_long_task_runs(stage: Stage, journal: Journal) -> None:
    linger = task(stage, "linger")
    for _ in range(4):
        linger.send(journal=str(journal.path), seconds=600)
    with odd(stage) as process:
        eventually(lambda: journal.words().count("begun") == 2)
        started = monotonic()
        process.send_signal(signal.SIGTERM)
        sleep(0.3)
        process.send_signal(signal.SIGTERM)

        assert process.wait(25) == 0

    assert monotonic() - started < 25
    assert "ended" not in journal.words()
    eventually(lambda: stage.counts() == (4, 0, 0))


def test_a_short_task_is_finished_before_the_end(stage: Stage, journal: Journal) -> None:
    task(stage, "linger").send(journal=str(journal.path), seconds=1)
    with odd(stage, leaves=15) as process:
        eventually(lambda: journal.words() == ["begun"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0

    assert journal.words() == ["begun", "ended"]
    assert stage.counts() == (0, 0, 0)


def test_a_message_that_kills_workers_is_set_aside_after_three_crashes(stage: Stage, journal: Journal) -> None:
    crash, jot = task(stage, "crash"), task(stage, "jot")
    message = crash.send(journal=str(journal.path))
    for _ in range(3):
        with odd(stage) as process:
            assert process.wait(60) == 9
    jot.send(journal=str(journal.path), word="after")
    with odd(stage):
        eventually(lambda: "after" in journal.words() and stage.dead())

    assert journal.words().count("crash") == 3
    (letter,) = stage.dead()
    assert (str(letter.message_id), letter.reason) == (message.message_id, DeadReason.POISON)


def test_messages_that_were_only_beside_a_crash_are_forgiven(stage: Stage, journal: Journal) -> None:
    task(stage, "crash").send(journal=str(journal.path))
    jot = task(stage, "jot")
    with odd(stage) as process:
        for number in range(5):
            jot.send(journal=str(journal.path), word=f"w{number}")
        assert process.wait(60) == 9
    with odd(stage) as process:
        process.wait(60)
    with odd(stage) as process:
        process.wait(60)
    with odd(stage):
        eventually(lambda: {f"w{number}" for number in range(5)} <= set(journal.words()))
        eventually(lambda: Poison.select().count() == 1, what="only the poison is remembered")

    assert fetch("select crashes from poison") == [(2,)]


def test_a_worker_boots_within_a_second_of_processor_time(stage: Stage, journal: Journal) -> None:
    task(stage, "jot").send(journal=str(journal.path), word="up")
    with odd(stage):
        eventually(journal.words)

    assert journal.words() == ["up"]
    assert QUEUE in stage.broker.queues
    assert "jot" not in ACTORS
