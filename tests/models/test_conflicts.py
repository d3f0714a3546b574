"""A transaction that lost against another one is made again, a few times; one that is wrong is not."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import IntegrityError, OperationalError

from models import conflicts
from models.database import db, execute, fetch

ADD = "insert into alert_mute (kind, muted_by, until) values (%s, 'anna', '2026-11-21T00:00:00.000000Z')"


class FromServer(Exception):
    """What the driver says, with the SQLSTATE."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.pgcode = code


def lost(code: str, kind: type[Exception] = OperationalError) -> Exception:
    error = kind("the server ended this")
    error.orig = FromServer(code)  # type: ignore[attr-defined]
    return error


class Work:
    """Writes a row, and fails so many times after that."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.left, self.began = error, times, 0

    def __call__(self) -> int:
        self.began += 1
        execute(ADD, (f"try {self.began}",))
        if self.left:
            self.left -= 1
            raise self.error
        return self.began


def kept() -> list[str]:
    return [kind for (kind,) in fetch("select kind from alert_mute order by kind")]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("models.conflicts.time", SimpleNamespace(sleep=waits.append))
    return waits


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03"])
def test_what_lost_is_repeated_and_leaves_one_trace(database: Any, at_once: list[float], code: str) -> None:
    work = Work(lost(code), 5)
    assert (conflicts.transaction(work), kept()) == (6, ["try 6"])
    assert len(at_once) == 5
    assert all(0 < wait <= 0.02 * 2**attempt for attempt, wait in enumerate(at_once))


def test_after_five_repetitions_it_is_given_up_and_nothing_is_left(database: Any) -> None:
    work = Work(lost("40P01"), 6)
    with pytest.raises(OperationalError):
        conflicts.transaction(work)
    assert (work.began, kept()) == (6, [])


@pytest.mark.parametrize("error", [lost("57014"), lost("23503", IntegrityError), OperationalError("disk is full")])
def test_what_would_fail_again_is_not_repeated(database: Any, error: Exception) -> None:
    work = Work(error, 1)
    with pytest.raises(type(error)):
        conflicts.transaction(work)
    assert (work.began, kept()) == (1, [])


def test_two_that_wait_for_each_other_both_come_through(postgres_database: Any) -> None:
    for kind in ("a", "b"):
        execute(ADD, (kind,))
    both = threading.Barrier(2)

    def swap(first: str, second: str, met: list[bool]) -> None:
        def work() -> None:
            execute("update alert_mute set muted_by = %s where kind = %s", (first, first))
            if not met:
                met.append(True)
                both.wait(10)
            execute("update alert_mute set muted_by = %s where kind = %s", (first, second))

        conflicts.transaction(work)
        db.close()

    other = threading.Thread(target=swap, args=("b", "a", []))
    other.start()
    swap("a", "b", [])
    other.join(30)
    db.connect(reuse_if_open=True)
    assert len({who for (who,) in fetch("select muted_by from alert_mute")}) == 1
