"""Columns mean the same on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.clock import now
from config.ids import new_id
from models.ads import Account, AdloadCharge
from models.database import db, fetch
from models.fields import MICROS, bind, instant, instant_text, micros
from models.runtime import DeadLetter, DeadReason, DeadState, Schedule, TaskLease

AT = datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=UTC)
moments = st.integers(0, 4_000_000_000_000_000).map(
    lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)


@pytest.mark.parametrize("at", [AT, AT.replace(microsecond=0), AT.astimezone(timezone(timedelta(hours=9)))])
def test_an_instant_comes_back_exactly_and_in_utc(database: Any, at: datetime) -> None:
    TaskLease.create(task="a", holder="h", expires_at=at)
    stored = TaskLease.get().expires_at
    assert stored == at
    assert stored.utcoffset() == timedelta(0)


@pytest.mark.usefixtures("database")
def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        TaskLease.create(task="a", holder="h", expires_at=AT.replace(tzinfo=None))


@given(moments, moments)
def test_text_of_instants_sorts_by_time(one: datetime, other: datetime) -> None:
    assert (instant_text(one) < instant_text(other)) == (one < other)
    assert instant(instant_text(one)) == one


def test_a_condition_on_time_works_on_both_engines(database: Any) -> None:
    for minute in range(3):
        TaskLease.create(task=str(minute), holder="h", expires_at=AT + timedelta(minutes=minute))
    later = TaskLease.select().where(TaskLease.expires_at > AT + timedelta(seconds=30)).order_by(TaskLease.task)
    assert [lease.task for lease in later] == ["1", "2"]


@pytest.mark.usefixtures("database")
def test_money_is_an_exact_integer() -> None:
    charge = new_id()
    AdloadCharge.insert(click_id=charge, campaign_id=1, cost=9_007_199_254_740_993, created_at=now()).execute()
    assert AdloadCharge.get().cost == 9_007_199_254_740_993


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("cost", [1.5, Decimal(1), "1", True])
def test_money_that_is_no_integer_is_refused(cost: object) -> None:
    with pytest.raises(TypeError, match="micro-units"):
        AdloadCharge.insert(click_id=new_id(), campaign_id=1, cost=cost, created_at=now()).execute()


@pytest.mark.parametrize(
    ("text", "wanted"), [("1", MICROS), ("0.000001", 1), ("-2.5", -2_500_000), ("1e3", 1000 * MICROS)]
)
def test_decimal_text_becomes_micro_units(text: str, wanted: int) -> None:
    assert micros(text) == wanted


@pytest.mark.parametrize("text", ["0.0000001", "NaN", "Infinity", "", "1,5", "one", "1000000000000", "1e999999999"])
def test_text_that_is_no_exact_money_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        micros(text)


def test_a_uuid_comes_back_as_one(database: Any) -> None:
    charge = new_id()
    AdloadCharge.insert(click_id=charge, campaign_id=1, cost=1, created_at=now()).execute()
    assert AdloadCharge.get().click_id == charge
    assert AdloadCharge.get(AdloadCharge.click_id == charge).cost == 1


def dead_letter(**more: Any) -> None:
    values = {
        "message_id": new_id(),
        "task": "a",
        "queue": "q",
        "body": b"\x00\xff",
        "reason": DeadReason.POISON,
        "fingerprint": "f",
        "first_seen_at": AT,
    }
    DeadLetter.insert(**{**values, **more}).execute()


def test_an_enum_and_raw_bytes_come_back(database: Any) -> None:
    dead_letter()
    stored = DeadLetter.get()
    assert stored.reason is DeadReason.POISON
    assert stored.state is DeadState.DEAD
    assert bytes(stored.body) == b"\x00\xff"


@pytest.mark.usefixtures("database")
def test_a_value_outside_an_enum_is_refused() -> None:
    with pytest.raises(ValueError, match="bored"):
        dead_letter(reason="bored")


def test_a_flag_is_a_boolean(database: Any) -> None:
    values = {"catch_up": "skip", "per_local_day": False, "enabled": True}
    Schedule.insert(task="a", **values).execute()
    assert Schedule.get().enabled is True
    assert Schedule.get().per_local_day is False


def test_a_generated_key_is_returned(database: Any) -> None:
    values = {"kind": "user", "currency": "USD", "created_at": AT}
    ids = [Account.insert(guid=new_id(), login=login, **values).execute() for login in ("a", "b")]
    assert ids[1] > ids[0]


class Colour(StrEnum):
    """A value as text."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(Colour.RED, "red"), ({"a": 1}, '{"a":1}'), ([1, 2], "[1,2]"), (None, None), (5, 5), ("x", "x")],
)
def test_parameters_of_raw_statements_are_plain(database: Any, value: object, wanted: object) -> None:
    assert bind(value) == wanted
    assert type(bind(value)) is type(wanted)


def test_a_raw_statement_returns_what_it_was_given(database: Any) -> None:
    assert fetch("select cast(%s as text)", ("50% of %s",)) == [("50% of %s",)]
    assert db.in_transaction() is False
