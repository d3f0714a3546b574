"""The embedded queue: leases, order, keys and bounds, seen from the rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from config.ids import new_id
from models import queue
from models.database import db

pytestmark = pytest.mark.usefixtures("sqlite_database")
SOON = timedelta(seconds=60)


def put(body: bytes = b"x", name: str = "clicks", **more: Any) -> int | None:
    return queue.put(name, body, new_id(), **more)


def take(most: int = 10, name: str = "clicks", holder: str = "a", seconds: int = 60) -> list[bytes]:
    return [leased.body for leased in queue.lease(name, holder, most, now() + timedelta(seconds=seconds))]


def test_messages_are_leased_in_the_order_they_came() -> None:
    for body in (b"1", b"2", b"3"):
        put(body)
    assert [take(2), take(2)] == [[b"1", b"2"], [b"3"]]


def test_bulk_messages_let_others_pass() -> None:
    put(b"bulk", bulk=True)
    put(b"normal")
    assert take() == [b"normal", b"bulk"]


def test_a_leased_message_is_nobody_elses() -> None:
    put()
    take()
    assert take(holder="b") == []


def test_a_message_of_another_queue_is_not_taken() -> None:
    put(name="jobs")
    assert take() == []


def test_a_delayed_message_is_not_taken_early() -> None:
    put(available_at=now() + SOON)
    assert take() == []


def test_a_lease_that_ended_frees_the_message_and_counts_the_delivery() -> None:
    put()
    take(seconds=-1)
    (leased,) = queue.lease("clicks", "b", 1, now() + SOON)
    assert leased.deliveries == 2


def test_a_renewed_lease_holds() -> None:
    row = put()
    assert row is not None
    take(seconds=-1)
    assert queue.renew([row], "a", now() + SOON) == 1
    assert take(holder="b") == []


def test_a_lease_of_somebody_else_cannot_be_renewed() -> None:
    row = put()
    assert row is not None
    take()
    assert queue.renew([row], "b", now() + SOON) == 0


def test_released_messages_are_free_at_once() -> None:
    row = put()
    assert row is not None
    take()
    assert queue.release([row]) == 1
    assert take() == [b"x"]


def test_all_leases_are_void_after_a_restart() -> None:
    put()
    put()
    take()
    assert queue.void_leases() == 2
    assert len(take()) == 2


def test_a_key_is_free_again_once_its_message_is_delivered() -> None:
    assert put(dedupe_key="campaign-1") is not None
    take()
    assert put(dedupe_key="campaign-1") is not None


def test_fullness_counts_what_is_there_and_not_the_gaps() -> None:
    rows = [put() for _ in range(5)]
    assert queue.is_full(5)
    queue.remove(rows[2] or 0)
    assert not queue.is_full(5)


def test_an_empty_queue_is_not_full() -> None:
    assert not queue.is_full(1)


def test_consumers_are_woken_after_the_commit_and_not_before() -> None:
    signal = queue.signal("clicks")
    before = signal.count
    with db.atomic():
        put()
        assert signal.count == before
    assert signal.count == before + 1


def test_a_signal_given_before_the_wait_is_not_lost() -> None:
    signal = queue.Signal()
    seen = signal.count
    signal.give()
    signal.wait(seen, 60)


def test_a_message_wakes_only_its_own_queue() -> None:
    before = queue.signal("jobs").count
    put()
    assert queue.signal("jobs").count == before
