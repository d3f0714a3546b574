"""Ids and the clock."""

from __future__ import annotations

from datetime import timedelta

from config.clock import monotonic, now, today
from config.ids import new_id


def test_ids_of_one_process_sort_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(set(ids))


def test_an_id_is_a_version_seven_uuid() -> None:
    assert new_id().version == 7


def test_the_present_is_aware_and_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)
    assert today() == now().date()


def test_durations_never_go_backwards() -> None:
    assert monotonic() <= monotonic()
