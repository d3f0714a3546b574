"""An archive run, or a restore, that dies at any statement is finished by the next one, with the same result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.ads import archive
from models import archive_sqlite
from models.archive import KEYS
from models.database import db, execute
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago
from tests.core.ads.test_archive import run

CHANGES = (
    "insert",
    "update",
    "delete",
    "alter",
    "drop",
    "create",
    "attach",
    "detach",
    "begin",
    "commit",
    "with",
    "\nin",
)


class Died(BaseException):
    """The process is no more."""


class DiesAt:
    """Statements run until the n-th one, which never happens; later ones do, as in the next process."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.real = db.obj.execute_sql

    def __call__(self, sql: str, *arguments: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise Died
        return self.real(sql, *arguments, **options)

    @property
    def died(self) -> bool:
        return self.left <= 0


def dying(number: int, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run the work with its n-th statement never happening; False when it has fewer."""
    fault = DiesAt(number)
    with monkeypatch.context() as patched:
        patched.setattr(db.obj, "execute_sql", fault)
        try:
            work()
        except Died:
            assert not db.in_transaction()
    return fault.died


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_sqlite, "BATCH", 2)
    monkeypatch.setattr(archive_sqlite, "REST", 0)


def test_acceptance_12_a_run_that_dies_at_any_statement_is_finished_by_the_next(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_days.make(61, 60, clicks=5)
    start = old_days.live()
    run()
    undisturbed = old_days.state()
    number = 1
    while True:
        archive.restore(days_ago(61), "test")
        assert old_days.live() == start
        execute("delete from archived_day")
        died = dying(number, run, monkeypatch)
        run()
        assert old_days.state() == undisturbed, f"statement {number}"
        if not died:
            break
        number += 1
    assert number > 30


def test_a_restore_that_dies_at_any_statement_is_finished_by_the_next(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_days.make(61, clicks=5)
    start = old_days.live()
    number, died = 0, True
    while died:
        number += 1
        archive.move_now(days_ago(61), "test")
        died = dying(number, lambda: archive.restore(days_ago(61), "test"), monkeypatch)
        if archive.restorable(days_ago(61)):
            archive.restore(days_ago(61), "test")
        assert old_days.live() == start, f"statement {number}"
        assert {state for _, _, state, *_ in old_days.remembered()} == {"restored"}
        assert not any(old_days.archived().values())
    assert number > 20


def test_a_restored_day_stays_until_it_is_asked_away_and_comes_back_byte_for_byte(database: Any) -> None:
    old_days.make(61)
    start = old_days.live()
    for _ in range(2):
        run()
        assert not any(old_days.live().values())
        assert {table for table, _ in archive.restore(days_ago(61), "test")} == set(KEYS)
        run()
        assert old_days.live() == start
        archive.move_now(days_ago(61), "test")
        assert not any(old_days.live().values())
        archive.restore(days_ago(61), "test")
        archive.move_now(days_ago(61), "test")


def test_nothing_to_restore_and_a_day_too_young_are_refused(database: Any) -> None:
    old_days.make(60)
    with pytest.raises(archive.NotYet, match="nothing of"):
        archive.restore(days_ago(60), "test")
    with pytest.raises(archive.NotYet, match="too young"):
        archive.move_now(days_ago(60), "test")


def test_a_column_added_after_a_day_had_left_has_its_default_when_the_day_is_back(database: Any) -> None:
    old_days.make(62)
    run()
    execute("alter table click add column score integer not null default 7")
    old_days.make(61)
    run()
    archive.restore(days_ago(62), "test")
    assert {row[-1] for row in old_days.live("click")["click"]} == {7}
    assert len(old_days.live("click")["click"]) == old_days.PER_DAY
