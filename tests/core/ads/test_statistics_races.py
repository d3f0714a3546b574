"""Statistics while clicks go on, around midnight, twice at once, and after a death at any step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
import time_machine

from config.clock import now
from config.settings import get_settings
from core.ads import statistics
from models import dirty_days, earnings, stats
from models.click_writes import mark_days
from models.database import db, disconnect, ensure_connection, execute
from models.fields import bind
from tests.core.ads import books as made
from tests.core.ads.books import Books, assert_equal_to_a_recount, compute
from tests.together import together

DAY = timedelta(days=1)
NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)
TODAY = NOON.date()
MIDNIGHT = datetime(2026, 10, 27, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Died(BaseException):
    """The process is gone."""


@pytest.fixture
def books(any_day: None, database: Any) -> Iterator[Books]:
    yield from _built()


@pytest.fixture
def postgres_books(any_day: None, postgres_database: Any) -> Iterator[Books]:
    yield from _built()


def _built() -> Iterator[Books]:
    with time_machine.travel(NOON, tick=False):
        yield made.build()


def late_click(books: Books, at: datetime) -> None:
    """A click of an earlier day, recorded the way it is when it is decided."""
    with db.atomic():
        made.click(books, at)
        mark_days([at.date()], now().date(), now())


@contextmanager
def uncommitted(books: Books, at: datetime) -> Iterator[None]:
    """A click whose transaction commits when the block ends."""
    written, may_commit = threading.Event(), threading.Event()

    def decide() -> None:
        ensure_connection()
        with db.atomic():
            made.click(books, at)
            mark_days([at.date()], now().date(), now())
            written.set()
            may_commit.wait(60)
        disconnect()

    thread = threading.Thread(target=decide)
    thread.start()
    assert written.wait(60)
    try:
        yield
    finally:
        may_commit.set()
        thread.join()


def test_a_click_that_was_decided_before_midnight_and_committed_after_is_counted_even_if_no_run_follows_for_days(
    postgres_books: Books,
) -> None:
    with time_machine.travel(MIDNIGHT - SECOND, tick=False) as clock:
        late_click(postgres_books, MIDNIGHT - 3 * SECOND)
        with uncommitted(postgres_books, MIDNIGHT - SECOND):
            clock.move_to(MIDNIGHT + 2 * timedelta(minutes=1))
            compute()
        clock.move_to(MIDNIGHT + 5 * DAY)
        compute()
        assert_equal_to_a_recount(postgres_books, TODAY)
        assert made.booked(TODAY) == {postgres_books.accounts[0]: 60_000}


def test_a_mark_is_kept_until_its_day_has_been_over_for_an_hour(books: Books) -> None:
    late_click(books, NOON)
    with time_machine.travel(NOON, tick=False) as clock:
        for moment, kept in ((NOON, True), (MIDNIGHT + 59 * 60 * SECOND, True), (MIDNIGHT + 3600 * SECOND, False)):
            clock.move_to(moment)
            compute()
            assert (TODAY in made.marks()) is kept


def test_a_click_that_comes_while_its_day_is_computed_keeps_the_day_marked(
    postgres_books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = NOON - 5 * DAY
    late_click(postgres_books, old)
    with monkeypatch.context() as patch:
        _after(patch, stats, "restate", lambda: together(lambda: late_click(postgres_books, old)))
        statistics.refresh_day(old.date(), get_settings())
    assert made.marks() == {old.date(): 2}
    compute()
    assert made.marks() == {}
    assert_equal_to_a_recount(postgres_books, old.date())


def test_a_click_that_commits_while_the_mark_is_cleared_keeps_the_day_marked(postgres_books: Books) -> None:
    old = NOON - 5 * DAY
    late_click(postgres_books, old)
    cleared: list[bool] = []
    with ThreadPoolExecutor(1) as pool, uncommitted(postgres_books, old):
        seen = dirty_days.marks(old.date())
        pool.submit(lambda: cleared.append(_clear(old.date(), seen)))
    assert cleared == [False]
    compute()
    assert_equal_to_a_recount(postgres_books, old.date())


def test_two_aggregations_at_once_leave_what_one_leaves(postgres_books: Books) -> None:
    for number in range(12):
        late_click(postgres_books, NOON - (number % 6) * DAY)
    together(*[compute] * 4)
    assert made.marks().keys() == {TODAY}
    for ago in range(6):
        assert_equal_to_a_recount(postgres_books, TODAY - ago * DAY)


def test_clicks_that_come_all_the_while_are_all_counted_in_the_end(postgres_books: Books) -> None:
    def click_on() -> None:
        for number in range(15):
            late_click(postgres_books, NOON - (number % 3 + 2) * DAY)

    together(click_on, click_on, compute, compute)
    compute()
    for ago in range(2, 5):
        assert_equal_to_a_recount(postgres_books, TODAY - ago * DAY)


STEPS: list[tuple[Any, str]] = [
    (stats, "lock"),
    (stats, "_gather_refusals"),
    (stats, "_restate"),
    (stats, "_restate_overall"),
    (stats, "restate"),
    (earnings, "restate"),
    (dirty_days, "clear"),
    (stats, "totals"),
]


@pytest.mark.parametrize(("module", "step"), STEPS, ids=lambda value: getattr(value, "__name__", value))
def test_a_death_inside_a_day_leaves_the_day_before_it_and_the_next_run_completes_it(
    books: Books, monkeypatch: pytest.MonkeyPatch, module: Any, step: str
) -> None:
    old = NOON - 5 * DAY
    late_click(books, old)
    compute()
    late_click(books, old)
    before = made.rows()
    with monkeypatch.context() as patch:
        _after(patch, module, step, _die)
        with pytest.raises(Died):
            statistics.refresh_day(old.date(), get_settings())
    assert made.rows() == before
    assert made.marks() == {old.date(): 1}
    compute()
    assert_equal_to_a_recount(books, old.date())
    assert made.marks() == {}


def test_a_death_between_days_keeps_the_days_that_were_done(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    for ago in range(6):
        late_click(books, NOON - ago * DAY)
    done = [result.day for result in islice(statistics.refresh(), 3)]
    assert done == [TODAY, TODAY - DAY, TODAY - 5 * DAY]
    for day in done:
        assert_equal_to_a_recount(books, day)
    assert set(made.marks()) == {TODAY, *(TODAY - ago * DAY for ago in (2, 3, 4))}
    compute()
    for ago in range(6):
        assert_equal_to_a_recount(books, TODAY - ago * DAY)


def test_nothing_is_kept_of_a_day_whose_clicks_go_to_the_archive_while_it_is_computed(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = NOON - 5 * DAY
    late_click(books, old)
    compute()
    before = made.rows()
    late_click(books, old)
    _after(monkeypatch, earnings, "restate", lambda: _announce(old.date()))
    assert statistics.refresh_day(old.date(), get_settings()).archived
    assert made.rows() == before


def _announce(day: date) -> None:
    text = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', 'moving', 1, %s)"
    execute(text, (bind(day), bind(now())))


def _die() -> None:
    raise Died


def _clear(day: date, seen: int) -> bool:
    ensure_connection()
    with db.atomic():
        cleared = dirty_days.clear(day, seen)
    disconnect()
    return cleared


def _after(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, happens: Callable[[], object]) -> None:
    """Let something happen right after a step."""
    step = getattr(module, name)

    def stepped(*args: Any) -> Any:
        result = step(*args)
        happens()
        return result

    monkeypatch.setattr(module, name, stepped)
