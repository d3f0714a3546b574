"""Those who ask while somebody reads share the next reading, and nobody gets one that was begun before they asked."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from integrations.affise import Affise
from integrations.errors import Unavailable
from integrations.reading import Reading
from tests.eventually import eventually


class Broken(BaseException):
    """What ends a thread at any line."""


class Source:
    """Counts the readings; each waits until it is let go."""

    def __init__(self) -> None:
        self.readings = 0
        self.fails: BaseException | None = None
        self.go = threading.Event()

    def __call__(self) -> int:
        self.readings += 1
        number = self.readings
        assert self.go.wait(60)
        if self.fails and number == 2:
            raise self.fails
        return number


def crowd(reading: Reading[int], source: Source, count: int) -> list[Future[int]]:
    """One who reads, and so many who ask meanwhile."""
    with ThreadPoolExecutor(count + 1) as pool:
        askers = [pool.submit(reading.get)]
        eventually(lambda: source.readings == 1)
        askers += [pool.submit(reading.get) for _ in range(count)]
        eventually(lambda: reading._asking == count + 1)
        source.go.set()
    return askers


def test_a_crowd_shares_one_reading_begun_after_it_asked() -> None:
    source = Source()
    askers = crowd(Reading(source), source, 7)
    assert [one.result() for one in askers] == [1] + [2] * 7


def test_a_crowd_shares_the_error_instead_of_waiting_for_it_one_by_one() -> None:
    source = Source()
    source.fails = Unavailable("away")
    first, *others = crowd(Reading(source), source, 7)
    assert first.result() == 1
    assert [str(one.exception()) for one in others] == ["away"] * 7
    assert source.readings == 2


def test_a_reading_that_is_broken_off_is_nobody_elses() -> None:
    source = Source()
    source.fails = Broken()
    askers = crowd(Reading(source), source, 4)
    assert sum(isinstance(one.exception(), Broken) for one in askers) == 1
    assert [one.result() for one in askers if not one.exception()] == [1, 3, 3, 3]


def test_who_asks_later_reads_anew_and_nothing_is_kept() -> None:
    source = Source()
    source.go.set()
    reading = Reading(source)
    assert [reading.get(), reading.get()] == [1, 2]
    assert reading._last is None


def test_offers_are_listed_once_for_all_who_plan_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    affise, source = Affise("https://affise.example", "key"), Source()
    monkeypatch.setattr(Affise, "_listed", lambda self, _: iter([{"id": source()}]))
    with ThreadPoolExecutor(8) as pool:
        askers = [pool.submit(affise.offers)]
        eventually(lambda: source.readings == 1)
        askers += [pool.submit(affise.offers) for _ in range(7)]
        eventually(lambda: affise._reading._asking == 8)
        source.go.set()
    assert [one.result() for one in askers] == [[{"id": 1}]] + [[{"id": 2}]] * 7
