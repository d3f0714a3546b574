"""Incidents as rows: one open row per kind and object, louder when it grows worse, many at once one storm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from core import alerts
from core.alerts import Severity
from models import incidents
from models.alerts import STORM
from models.database import fetch
from tests.core.chatroom import START, one
from tests.together import together

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def raise_some(*keys: str, severity: Severity = WARNING) -> list[int]:
    return alerts.raise_all("unsafe", {key: {"object": key} for key in keys}, severity)


def test_the_same_news_is_one_row_that_counts(database: Any, clock: Any) -> None:
    first = raise_some("a.example")
    clock.shift(timedelta(minutes=5))
    assert raise_some("a.example") == first
    row = one(first[0])
    assert (row.count, row.first_seen_at, row.last_seen_at) == (2, START, START + timedelta(minutes=5))


def test_kinds_and_objects_have_rows_of_their_own(database: Any) -> None:
    ids = raise_some("a.example", "b.example") + alerts.raise_alert("drift", "a.example", WARNING, {})
    assert len(set(ids)) == 3


def test_only_a_return_within_half_an_hour_is_the_same_incident(database: Any, clock: Any) -> None:
    (first,) = raise_some("a.example")
    assert alerts.resolve("unsafe", "a.example") == [first]
    assert alerts.resolve("unsafe", "a.example") == []
    clock.shift(timedelta(minutes=30))
    assert raise_some("a.example") == [first]
    assert one(first).count == 2
    alerts.resolve("unsafe", "a.example")
    clock.shift(timedelta(minutes=30, seconds=1))
    assert raise_some("a.example") != [first]


def test_severity_rises_and_does_not_fall_while_it_is_open(database: Any) -> None:
    (row_id,) = raise_some("a.example")
    for severity, expected in ((INFO, WARNING), (CRITICAL, CRITICAL), (WARNING, CRITICAL)):
        raise_some("a.example", severity=severity)
        assert one(row_id).severity is expected


def test_a_rise_takes_the_acknowledgement_back_and_mere_repetition_does_not(database: Any) -> None:
    (row_id,) = raise_some("a.example")
    assert alerts.acknowledge(row_id, "@anna")
    raise_some("a.example")
    assert one(row_id).acked_by == "@anna"
    raise_some("a.example", severity=CRITICAL)
    assert one(row_id).acked_by is None


def test_what_is_over_cannot_be_acknowledged(database: Any) -> None:
    (row_id,) = raise_some("a.example")
    alerts.resolve("unsafe", "a.example")
    assert not alerts.acknowledge(row_id, "@anna")


def test_settling_closes_all_of_a_kind_but_those_still_true(database: Any) -> None:
    ids = raise_some("a.example", "b.example", "c.example")
    alerts.raise_alert("drift", "a.example", WARNING, {})
    assert alerts.settle("unsafe", ["b.example"]) == [ids[0], ids[2]]
    assert alerts.settle("unsafe") == [ids[1]]
    assert [row.kind for row in incidents.open_ones(10)] == ["drift"]


def test_five_at_once_are_told_one_by_one_and_six_as_one(database: Any, clock: Any) -> None:
    assert len(raise_some(*(f"{number}.example" for number in range(5)))) == 5
    (storm,) = raise_some("late.example", severity=CRITICAL)
    assert (one(storm).kind, one(storm).severity) == (STORM, CRITICAL)
    assert incidents.tally(storm) == [("unsafe", 1, 1)]
    assert raise_some("later.example") == [storm]
    clock.shift(timedelta(seconds=61))
    (alone,) = raise_some("calm.example")
    assert alone != storm


def test_information_makes_no_storm_and_joins_none(database: Any) -> None:
    assert raise_some(*(f"{number}.example" for number in range(20)), severity=INFO) == []
    assert len(raise_some("a.example")) == 1


def test_a_storm_ends_with_its_last_incident_and_returns_with_one(database: Any, clock: Any) -> None:
    keys = [f"{number}.example" for number in range(6)]
    (storm,) = raise_some(*keys)
    alerts.resolve("unsafe", *keys[:5])
    assert one(storm).open
    assert alerts.resolve("unsafe", keys[5]) == [storm]
    assert not one(storm).open
    clock.shift(timedelta(minutes=5))
    assert raise_some(keys[0]) == [storm]
    assert one(storm).open


def test_acknowledging_a_storm_acknowledges_what_it_speaks_for(database: Any) -> None:
    (storm,) = raise_some(*(f"{number}.example" for number in range(6)))
    assert alerts.acknowledge(storm, "@anna")
    assert {row.acked_by for row in incidents.members(storm, 10)} == {"@anna"}


def test_what_piled_up_untold_becomes_one_storm(database: Any, clock: Any) -> None:
    for number in range(7):
        raise_some(f"{number}.example")
        clock.shift(timedelta(seconds=30))
    assert alerts.gather_backlog() == []
    clock.shift(timedelta(minutes=2))
    (storm,) = alerts.gather_backlog()
    assert incidents.tally(storm) == [("unsafe", 7, 7)]
    assert alerts.gather_backlog() == []


def test_many_at_once_from_many_processes_lose_nothing_and_open_one_row(database: Any) -> None:
    def run() -> None:
        for _ in range(5):
            raise_some("a.example")
            alerts.resolve("unsafe", "a.example")

    together(*[run] * 4)
    # one that ends while it is noted again may come back as another row, and many of these are a storm
    assert fetch("select sum(count) from alert where kind = 'unsafe'")[0][0] == 20
    assert incidents.open_ones(10) == []


@pytest.mark.parametrize("text", ["\x00", "\ud83d", "😀", "я" * 5000, 'a,"b"\\{c}'])
def test_whatever_the_outside_says_can_be_kept(database: Any, text: str) -> None:
    (row_id,) = alerts.raise_alert("drift", text, WARNING, {"object": text, "done": [text, {"deep": text}], text: 1})
    assert alerts.raise_alert("drift", text, WARNING, {}) == [row_id]
    assert alerts.resolve("drift", text) == [row_id]


def test_an_incident_stands_or_falls_with_the_change_it_follows_from(database: Any) -> None:
    def change() -> None:
        with database.atomic():
            raise_some("a.example")
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        change()
    assert incidents.open_ones(10) == []
