"""The judge bites: whatever is taken away, doubled or invented between journal and database is reported."""

from __future__ import annotations

import pytest

from bench.chaos.checker import COUNTED, ERROR, PENDING, REJECTED, Row, Verdict, judge
from bench.journal import Answer, Record
from bench.world import DESTINATION, Visit

ADDRESSES = ("11.0.0.1", "11.0.0.1", "11.0.0.1", "11.0.0.1", "11.0.0.1", "11.0.0.2", "11.0.0.2")
VISITS = {number: Visit(number, "/r/x", address) for number, address in enumerate(ADDRESSES)}
KINDS = (COUNTED, COUNTED, COUNTED, REJECTED, REJECTED, COUNTED, COUNTED)


def url(number: int) -> str:
    return f"{DESTINATION.format(number)}&signalbox_partner=news.example"


def all_answered() -> Record:
    return Record(
        attempts={number: float(number) for number in VISITS},
        answers={number: Answer(number + 0.01, 302, url(number), 0.01) for number in VISITS},
    )


def all_stored() -> list[Row]:
    return [Row(f"id-{number}", kind, url(number)) for number, kind in enumerate(KINDS)]


def verdict(record: Record, rows: list[Row]) -> Verdict:
    return judge(record, rows, VISITS)


def test_a_run_in_which_every_visit_has_one_outcome_holds() -> None:
    found = verdict(all_answered(), all_stored())
    assert found.violations() == {}
    assert (found.attempted, found.acknowledged) == (7, 7)
    assert found.outcomes == {COUNTED: 5, REJECTED: 2}


def test_an_acknowledged_click_without_a_row_is_lost() -> None:
    rows = [row for row in all_stored() if row.number != 6]
    assert verdict(all_answered(), rows).violations() == {"I1 lost": [6]}


def test_a_click_with_two_rows_is_doubled_even_under_another_id() -> None:
    rows = [*all_stored(), Row("another-id", REJECTED, url(6))]
    assert verdict(all_answered(), rows).violations()["I2 duplicated"] == [6]


def test_an_unanswered_visit_may_have_no_outcome() -> None:
    record = all_answered()
    del record.answers[6]
    found = verdict(record, [row for row in all_stored() if row.number != 6])
    assert (found.violations(), found.recovered) == ({}, [])


def test_an_unanswered_visit_with_an_outcome_is_recovered() -> None:
    record = all_answered()
    del record.answers[6]
    found = verdict(record, all_stored())
    assert (found.violations(), found.recovered) == ({}, [6])


@pytest.mark.parametrize("stray", ["https://shop.example/buy?n=99", "https://shop.example/"])
def test_a_row_that_no_visit_explains_is_unexpected(stray: str) -> None:
    rows = [*all_stored(), Row("stray", COUNTED, stray)]
    assert verdict(all_answered(), rows).violations() == {"I1 unexpected": ["stray"]}


def test_a_click_that_still_waits_after_the_drain_is_undecided() -> None:
    rows = [*all_stored()[:-1], Row("id-6", PENDING, url(6))]
    assert verdict(all_answered(), rows).violations() == {"I2 undecided": [6]}


@pytest.mark.parametrize(
    ("status", "location"), [(302, url(5)), (500, "-"), (302, "https://www.example.com/"), (302, url(66))]
)
def test_an_answer_that_sends_a_visitor_elsewhere_is_found(status: int, location: str) -> None:
    record = all_answered()
    record.answers[6] = Answer(6.01, status, location, 0.01)
    assert verdict(record, all_stored()).violations() == {"P1 misled visitor": [6]}


@pytest.mark.parametrize(("number", "kind"), [(3, COUNTED), (2, REJECTED)])
def test_an_address_with_more_or_fewer_counted_clicks_than_its_due_is_misjudged(number: int, kind: str) -> None:
    rows = [row if row.number != number else Row(row.click_id, kind, row.url) for row in all_stored()]
    assert verdict(all_answered(), rows).violations() == {"I4 misjudged": ["11.0.0.1"]}


def test_an_address_with_an_error_proves_nothing_about_the_limit() -> None:
    rows = [row if row.number != 2 else Row(row.click_id, ERROR, row.url) for row in all_stored()]
    assert verdict(all_answered(), rows).violations() == {}
