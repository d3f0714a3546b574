"""Spooled clicks find their way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ads.spool import Spool
from tests.web.fakes import FakePublisher, body, clicks_of, new_spool, spooled
from web.breaker import Breaker, State
from web.drain import Drain


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = new_spool(tmp_path)
    yield spool
    spool.close()


def test_own_lines_are_published_with_the_same_ids_and_the_file_goes(spool: Spool) -> None:
    publisher = FakePublisher()
    spool.append([body(number) for number in range(3)])
    assert _drain(spool, publisher).drain() == 3
    assert [click["click_id"] for click in publisher.clicks()] == [0, 1, 2]
    assert list(spool.directory.iterdir()) == []


def test_files_of_a_dead_process_are_taken_over(spool: Spool, tmp_path: Path) -> None:
    dead = Spool(tmp_path / "spool")
    dead.append([body(1)])
    dead.close()
    publisher = FakePublisher()
    assert _drain(spool, publisher).drain() == 1
    assert list(spool.directory.iterdir()) == []


def test_files_of_a_living_process_are_left_alone(spool: Spool, tmp_path: Path) -> None:
    other = Spool(tmp_path / "spool")
    other.append([body(1)])
    assert _drain(spool, FakePublisher()).drain() == 0
    assert spooled(spool) == [1]
    other.close()


def test_a_torn_last_line_is_skipped_and_the_rest_is_handed_over(spool: Spool) -> None:
    (spool.directory / "clicks-1-1.jsonl").write_bytes(body(1) + b"\n" + body(2) + b"\n" + b'{"click_id": 3, "to')
    publisher = FakePublisher()
    assert _drain(spool, publisher).drain() == 2
    assert [click["click_id"] for click in publisher.clicks()] == [1, 2]


def test_more_than_500_lines_become_several_messages(spool: Spool) -> None:
    publisher = FakePublisher()
    spool.append([body(number) for number in range(1200)])
    _drain(spool, publisher).drain()
    assert [len(clicks_of(message)) for message in publisher.messages] == [500, 500, 200]


def test_an_unconfirmed_group_keeps_the_whole_file(spool: Spool) -> None:
    publisher = FakePublisher(confirms=False)
    spool.append([body(1)])
    drain = _drain(spool, publisher)
    assert drain.drain() == 0
    assert spooled(spool) == [1]
    publisher.confirms = True
    assert drain.drain() == 1


def test_nothing_is_published_while_the_breaker_is_open(spool: Spool) -> None:
    publisher = FakePublisher()
    spool.append([body(1)])
    breaker = Breaker()
    breaker.trip()
    assert Drain(spool, publisher.publish, breaker).drain() == 0
    assert publisher.messages == []


def test_a_spooled_group_closes_the_breaker_after_an_outage_although_no_visitor_comes(spool: Spool) -> None:
    spool.append([body(1)])
    breaker = _due_breaker()
    assert Drain(spool, FakePublisher().publish, breaker).drain() == 1
    assert breaker.state is State.CLOSED


def test_a_spooled_group_that_fails_as_probe_opens_the_breaker_again(spool: Spool) -> None:
    spool.append([body(1)])
    breaker = _due_breaker()
    assert Drain(spool, FakePublisher(confirms=False).publish, breaker).drain() == 0
    assert breaker.state is State.OPEN
    assert not breaker.would_allow()
    assert spooled(spool) == [1]


def test_an_empty_spool_leaves_the_probe_to_visitors(spool: Spool) -> None:
    breaker = _due_breaker()
    assert Drain(spool, FakePublisher().publish, breaker).drain() == 0
    assert breaker.state is State.OPEN


def _due_breaker() -> Breaker:
    """An open breaker whose next probe is due."""
    breaker = Breaker()
    breaker.trip()
    breaker._probe_at = 0.0
    return breaker


def _drain(spool: Spool, publisher: FakePublisher) -> Drain:
    return Drain(spool, publisher.publish, Breaker())
