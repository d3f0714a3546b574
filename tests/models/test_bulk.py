"""Batches as one statement: every kind of value survives the way in and out on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from models import bulk
from models.bulk import Rows
from models.database import fetch

ODD = ["plain", 'quote " and \\ slash', "comma, {brace}", "NULL", "", " edge ", "ünï\u2028", "a\tb\nc", "'); drop --"]


def test_odd_texts_come_back_as_they_were(database: Any) -> None:
    rows = Rows("place int, word text")
    found = rows.fetch("select word from {rows} order by place", list(enumerate(ODD)))
    assert [word for (word,) in found] == ODD


def test_nulls_stay_nulls_in_every_kind(database: Any) -> None:
    kinds = "u uuid, d day, t instant, i int, b bool, w text, j json, n inet, c cidr"
    [row] = Rows(kinds).fetch("select * from {rows}", [(None,) * 9])
    assert row == (None,) * 9


def test_an_empty_batch_has_no_rows(database: Any) -> None:
    assert Rows("i int, w text").fetch("select * from {rows}", []) == []


def test_numbers_of_64_bits_are_exact(database: Any) -> None:
    numbers = [0, -1, 2**63 - 1, -(2**63), 2**53 + 1]
    found = Rows("place int, n int").fetch("select n from {rows} order by place", list(enumerate(numbers)))
    assert [number for (number,) in found] == numbers


def test_microseconds_of_an_instant_are_exact(database: Any) -> None:
    at = datetime(2026, 11, 21, 23, 59, 59, 999_999, tzinfo=UTC)
    [(micros,)] = Rows("t instant").fetch("select {us:t} from {rows}", [(at,)])
    assert micros == 1_795_305_599_999_999


def test_members_are_found_by_kind(database: Any) -> None:
    rows = Rows("u uuid, d day")
    key, day = UUID(int=7), date(2026, 11, 21)
    template = "select count(*) from {rows} where u {in:uuid} and d {in:day}"
    found = [
        rows.fetch(template, [(str(key), day)], after=(bulk.among([k]), bulk.among([day]))) for k in (key, UUID(int=8))
    ]
    assert found == [[(1,)], [(0,)]]


def test_text_that_no_database_can_hold_is_a_value_error(database: Any) -> None:
    for text in ("\ud800",):
        with pytest.raises(ValueError):
            Rows("w text").fetch("select * from {rows}", [(text,)])
    assert fetch("select 1") == [(1,)]
