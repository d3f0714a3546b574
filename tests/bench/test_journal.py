"""The journal says what visitors saw, in the order in which it happened, whenever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.journal import Journal, quantile, read


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.attempt(1)
        journal.ack(1, 302, "https://shop.example/", 0.25)
        journal.attempt(2)
        journal.lost_answer(2, "Refused")
        journal.attempt(3)
    record = read(tmp_path / "journal")
    assert sorted(record.attempts) == [1, 2, 3]
    assert (record.answers[1].status, record.answers[1].location) == (302, "https://shop.example/")
    assert record.failures == {2: "Refused"}
    assert record.latencies() == [0.25]


def test_an_answer_without_a_location_is_read_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.ack(1, 503, "", 0.1)
    assert read(tmp_path / "journal").answers[1].status == 503


def test_lines_can_be_read_before_the_journal_is_closed(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.attempt(1)
        assert list(read(tmp_path / "journal").attempts) == [1]


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("start 100.0\nattempt 1 0.5\nattempt 2 0.")
    assert list(read(tmp_path / "journal").attempts) == [1]


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([float(number) for number in range(1, 101)], share) == value


def test_the_quantile_of_nothing_is_zero() -> None:
    assert quantile([], 0.99) == 0.0
