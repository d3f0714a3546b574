"""Groups, and the order of ways out when the broker is sick."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath

import pytest

from tests.eventually import eventually
from tests.web.fakes import Around, BrokerRefused, Database, FakePublisher, body, clicks_of, new_spool, spooled
from web.breaker import State
from web.tickets import Path

SHORT = 0.1


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for seconds is no sick broker or disk, and an open breaker stays open."""
    for limit in ("breaker.SLOW_SECONDS", "gate.SLOW_SECONDS", "breaker.FIRST_PAUSE", "spooling.APPEND_TIMEOUT"):
        monkeypatch.setattr(f"web.{limit}", 3600.0)


def test_one_click_at_idle_costs_one_confirm_and_travels_as_process_click(tmp_path: FilePath) -> None:
    publisher = FakePublisher()
    with Around(publisher, new_spool(tmp_path), Database().process) as around:
        assert around.gate.hand_over(body(7)) is Path.QUEUE
    assert [(m["queue"], m["actor_name"], m["kwargs"]) for m in publisher.messages] == [
        ("clicks", "process_click", {"click": {"click_id": 7}})
    ]


def test_clicks_that_arrive_during_a_publish_share_the_next_message(tmp_path: FilePath) -> None:
    publisher = FakePublisher(confirms=None)
    with Around(publisher, None, Database().process) as around, ThreadPoolExecutor(11) as requests:
        first = requests.submit(around.gate.hand_over, body(0))
        eventually(lambda: len(publisher.futures) == 1)
        others = [requests.submit(around.gate.hand_over, body(n)) for n in range(1, 11)]
        eventually(lambda: len(around.gate._forming) == 10)
        publisher.confirms = True
        publisher.futures[0].set_result(None)
        assert {future.result() for future in [first, *others]} == {Path.QUEUE}
    assert [len(clicks_of(message)) for message in publisher.messages] == [1, 10]


def test_128_concurrent_clicks_make_fewer_messages_than_clicks_and_none_is_lost(tmp_path: FilePath) -> None:
    publisher = _Delayed()
    with Around(publisher, None, Database().process) as around, ThreadPoolExecutor(128) as requests:
        paths = list(requests.map(lambda n: around.gate.hand_over(body(n)), range(1280)))
    assert set(paths) == {Path.QUEUE}
    assert sorted(click["click_id"] for click in publisher.clicks()) == list(range(1280))
    assert len(publisher.messages) < 1280
    assert publisher.most_under_way == 1


def test_a_refused_publish_is_processed_inline(tmp_path: FilePath) -> None:
    database = Database()
    with Around(FakePublisher(confirms=False), new_spool(tmp_path), database.process) as around:
        assert around.gate.hand_over(body(1)) is Path.INLINE
    assert database.groups == [[body(1)]]


def test_a_nacked_publish_is_processed_inline(tmp_path: FilePath) -> None:
    publisher, database = FakePublisher(confirms=None), Database()
    with Around(publisher, new_spool(tmp_path), database.process) as around, ThreadPoolExecutor(1) as requests:
        request = requests.submit(around.gate.hand_over, body(1))
        eventually(lambda: bool(publisher.futures))
        publisher.futures[0].set_exception(BrokerRefused("nack"))
        assert request.result() is Path.INLINE


def test_with_broker_and_database_down_the_click_is_in_the_spool(tmp_path: FilePath) -> None:
    spool = new_spool(tmp_path)
    with Around(FakePublisher(confirms=False), spool, Database(down=True).process) as around:
        assert around.gate.hand_over(body(1)) is Path.SPOOL
        assert spooled(spool) == [1]


def test_an_open_breaker_publishes_nothing(tmp_path: FilePath) -> None:
    publisher, database = FakePublisher(), Database()
    with Around(publisher, new_spool(tmp_path), database.process) as around:
        around.breaker.trip()
        assert around.gate.hand_over(body(1)) is Path.INLINE
    assert publisher.messages == []


def test_three_refused_groups_open_the_breaker(tmp_path: FilePath) -> None:
    publisher = FakePublisher(confirms=False)
    with Around(publisher, new_spool(tmp_path), Database().process) as around:
        for number in range(6):
            around.gate.hand_over(body(number))
        assert around.breaker.state is State.OPEN
    assert len(publisher.messages) == 3


def test_a_silent_broker_costs_a_visitor_no_more_than_his_patience(tmp_path: FilePath) -> None:
    spool = new_spool(tmp_path)
    with Around(FakePublisher(confirms=None), spool, Database().process, patience=SHORT) as around:
        assert around.gate.hand_over(body(1)) is Path.SPOOL
        assert spooled(spool) == [1]


def test_behind_an_overdue_publish_nobody_waits(tmp_path: FilePath) -> None:
    publisher, spool = FakePublisher(confirms=None), new_spool(tmp_path)
    with Around(publisher, spool, Database(down=True).process, patience=SHORT) as around:
        for number in range(40):
            assert around.gate.hand_over(body(number)) is Path.SPOOL
        assert around.gate._forming == []
        assert sorted(spooled(spool)) == list(range(40))
    assert len(publisher.messages) == 1


def test_a_confirm_after_the_click_was_spooled_is_harmless_and_the_gate_goes_on(tmp_path: FilePath) -> None:
    publisher = FakePublisher(confirms=None)
    with Around(publisher, new_spool(tmp_path), Database().process, patience=SHORT) as around:
        around.gate.hand_over(body(1))
        publisher.confirms = True
        publisher.futures[0].set_result(None)
        assert around.gate.hand_over(body(2)) is Path.QUEUE


def test_when_even_the_spool_fails_the_click_is_not_accepted(tmp_path: FilePath) -> None:
    spool = new_spool(tmp_path)
    spool.max_bytes = 0
    with Around(FakePublisher(confirms=False), spool, Database(down=True).process, patience=SHORT) as around:
        assert around.gate.hand_over(body(1)) is Path.NONE


def test_a_full_disk_does_not_keep_clicks_from_the_database(tmp_path: FilePath) -> None:
    spool, database = new_spool(tmp_path), Database()
    spool.max_bytes = 0
    with Around(FakePublisher(confirms=False), spool, database.process) as around:
        assert {around.gate.hand_over(body(number)) for number in range(5)} == {Path.INLINE}


def test_without_a_spool_a_click_waits_for_the_database_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.breaker.FIRST_PAUSE", 0.2)
    database = Database(down=True)
    with (
        Around(FakePublisher(confirms=False), None, database.process) as around,
        ThreadPoolExecutor(1) as requests,
    ):
        request = requests.submit(around.gate.hand_over, body(1))
        time.sleep(0.1)
        database.down = False
        assert request.result() is Path.INLINE


def test_without_a_spool_and_with_everything_down_the_budget_ends_the_wait() -> None:
    with Around(FakePublisher(confirms=False), None, Database(down=True).process, patience=0.05) as around:
        assert around.gate.hand_over(body(1)) is Path.NONE


def test_inline_processing_starts_at_most_twenty_groups_a_second(tmp_path: FilePath) -> None:
    database = Database()
    publisher = FakePublisher(confirms=False)
    with Around(publisher, None, database.process) as around, ThreadPoolExecutor(32) as requests:
        around.breaker.trip()
        started = time.monotonic()
        paths = Counter(requests.map(lambda n: around.gate.hand_over(body(n)), range(200)))
        seconds = time.monotonic() - started
    assert paths == {Path.INLINE: 200}
    assert len(database.groups) <= seconds * 20 + 1


def test_a_crowd_that_inline_processing_cannot_carry_goes_to_the_spool(tmp_path: FilePath) -> None:
    spool, database = new_spool(tmp_path), Database()
    with (
        Around(FakePublisher(confirms=False), spool, database.process, waiting_max=4) as around,
        ThreadPoolExecutor(32) as requests,
    ):
        around.breaker.trip()
        paths = Counter(requests.map(lambda n: around.gate.hand_over(body(n)), range(300)))
        inline = [item for group in database.groups for item in group]
        assert paths[Path.SPOOL] == len(spooled(spool)) > 0
        assert paths[Path.INLINE] == len(inline) == 300 - paths[Path.SPOOL]


@pytest.mark.parametrize("error", [BrokerRefused("down"), RuntimeError("a bug"), OSError("unresolvable")])
def test_whatever_a_publish_raises_the_click_is_not_lost(tmp_path: FilePath, error: Exception) -> None:
    with Around(_Raising(error), new_spool(tmp_path), Database().process) as around:
        assert around.gate.hand_over(body(1)) is Path.INLINE


class _Raising(FakePublisher):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def publish(self, queue: str, body: bytes, deadline: float):  # type: ignore[no-untyped-def]
        raise self._error


class _Delayed(FakePublisher):
    """Confirms from a thread of its own after a moment, as a broker does, and notes how many are under way."""

    def __init__(self) -> None:
        super().__init__(confirms=None)
        self.most_under_way = 0
        self._under_way = 0

    def publish(self, queue: str, body: bytes, deadline: float):  # type: ignore[no-untyped-def]
        future = super().publish(queue, body, deadline)
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        threading.Timer(0.002, self._confirm, [future]).start()
        return future

    def _confirm(self, future) -> None:  # type: ignore[no-untyped-def]
        self._under_way -= 1
        future.set_result(None)
