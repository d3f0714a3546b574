"""The audit log: what it keeps, that it cannot be changed unseen, and that writers do not get in each other's way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
import time_machine
from peewee import DatabaseError

from models import audit
from models.database import db, disconnect, execute, fetch, is_postgres

AT = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def write(number: int = 1, **more: Any) -> int:
    values = {"actor_kind": "user", "actor": "anna", "action": "payout.agree", "object": f"payout:{number}"}
    with db.atomic():
        return audit.record(**(values | more))


def without_guard(sql: str) -> None:
    """Change the table as somebody would who owns it."""
    names = ["audit_log_append_only"] if is_postgres() else ["audit_log_no_update", "audit_log_no_delete"]
    for name in names:
        execute(f"drop trigger {name}{' on audit_log' if is_postgres() else ''}")
    execute(sql)


def test_a_row_keeps_who_did_what_to_what_and_why(database: Any) -> None:
    facts = {"state": "agreed", "amount": 10_000, "nested": {"b": 1, "a": [True, None, "ü"]}}
    with time_machine.travel(AT, tick=False):
        number = write(before={"state": "confirmed"}, after=facts, reason="fine", ip="2001:0DB8::1", request_id="r-1")
    (row,) = audit.page()
    assert (row.id, row.at, row.actor, row.ip, row.reason) == (number, AT, "anna", "2001:db8::1", "fine")
    assert (row.before, row.after, row.request_id) == ({"state": "confirmed"}, facts, "r-1")
    assert audit.verify() == []


def test_the_chain_of_an_untouched_log_holds(database: Any) -> None:
    for number in range(5):
        write(number)
    assert audit.verify() == []
    assert [row.previous_hash for row in audit.stream()] == [audit.GENESIS, *(row.hash for row in audit.stream())][:-1]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update audit_log set actor = 'eve' where id = 2", [(2, "was changed after it was written")]),
        ("update audit_log set after = '{\"amount\": 2}' where id = 3", [(3, "was changed after it was written")]),
        ("delete from audit_log where id = 2", [(3, "follows row 1, so rows are missing")]),
        ("delete from audit_log where id = 1", [(2, "follows row 0, so rows are missing")]),
        ("update audit_log set previous_hash = hash where id = 4", [(4, "names another predecessor")]),
    ],
)
def test_a_change_behind_the_back_of_the_log_is_found(database: Any, change: str, found: list[Any]) -> None:
    for number in range(5):
        write(number, after={"amount": 1})
    without_guard(change)
    assert [(broken.id, broken.problem) for broken in audit.verify()] == found


def test_a_noted_head_tells_that_the_end_was_cut_off(database: Any) -> None:
    for number in range(3):
        write(number)
    noted = audit.head()
    without_guard("delete from audit_log where id = 3")
    assert audit.verify() == []
    assert noted[0] == 3
    assert not audit.holds(noted[1])


@pytest.mark.parametrize("change", ["update audit_log set actor = 'eve'", "delete from audit_log"])
def test_the_database_refuses_to_change_a_row(database: Any, change: str) -> None:
    write()
    with pytest.raises(DatabaseError, match="append-only"), db.atomic():
        execute(change)
    assert audit.verify() == []
    assert len(audit.page()) == 1


def test_a_row_without_a_transaction_is_refused(database: Any) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(actor_kind="user", actor="anna", action="x", object="y")


def test_a_failed_transaction_leaves_no_row_and_no_gap(database: Any) -> None:
    write()
    with db.atomic() as transaction:
        audit.record(actor_kind="user", actor="anna", action="x", object="y")
        transaction.rollback()
    assert write() == 2
    assert audit.verify() == []


@pytest.mark.parametrize(
    "values", [{"actor_kind": "ghost"}, {"after": {"share": 0.5}}, {"after": {"deep": [{"x": 1e9}]}}, {"ip": "nowhere"}]
)
def test_what_has_no_exact_form_is_refused(database: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ghost|fraction|nowhere"):
        write(**values)
    assert audit.page() == []


def test_many_entries_are_one_chain(database: Any) -> None:
    entry = audit.Entry(actor_kind="schedule", actor="expire", action="payout.expire", object="payout:1")
    with db.atomic():
        assert audit.record_all([]) == []
        assert audit.record_all([entry] * 3) == [1, 2, 3]
    assert audit.verify() == []


def test_writers_at_the_same_time_make_one_chain(database: Any) -> None:
    start = Barrier(8)

    def several(number: int) -> None:
        start.wait()
        for turn in range(5):
            write(10 * number + turn)
        disconnect()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(several, range(8)))
    assert audit.verify() == []
    assert fetch("select count(*), max(id) from audit_log") == [(40, 40)]


def test_a_writer_waits_for_one_whose_transaction_is_open(database: Any) -> None:
    def other() -> int:
        try:
            return write(2)
        finally:
            disconnect()

    with ThreadPoolExecutor(1) as pool:
        with db.atomic():
            audit.record(actor_kind="user", actor="anna", action="x", object="y")
            late = pool.submit(other)
            with pytest.raises(TimeoutError):
                late.result(0.5)
        assert late.result(60) == 2
    assert audit.verify() == []


def test_pages_run_backwards_and_choose(database: Any) -> None:
    for number in range(4):
        write(number % 2, actor="anna" if number else "bert")
    assert [row.id for row in audit.page(limit=2)] == [4, 3]
    assert [row.id for row in audit.page(limit=2, before=3)] == [2, 1]
    assert [row.id for row in audit.page(object="payout:1")] == [4, 2]
    assert [row.id for row in audit.page(actor="bert", action="payout.agree")] == [1]
