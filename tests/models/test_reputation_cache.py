"""Kept answers: read while they hold, never replaced by older ones, on both engines."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from models import database as connections
from models import reputation_cache
from models.database import fetch
from models.reputation_cache import Entry

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LISTED = {"d51d47e8" * 8: ["MALWARE", "SOCIAL_ENGINEERING"]}


def entry(prefix: str, hashes: dict[str, list[str]] | None = None, *, seen: int = 0, life: int = 300) -> Entry:
    """An answer given `seen` seconds after noon."""
    observed_at = NOON + timedelta(seconds=seen)
    return prefix, hashes or {}, observed_at, observed_at + timedelta(seconds=life)


def test_what_was_written_is_read_back(database: Any) -> None:
    entries = [entry("d51d47e8", LISTED), entry("017eb9a5", seen=1)]
    reputation_cache.write("webrisk", entries)
    assert sorted(reputation_cache.read("webrisk", ["d51d47e8", "017eb9a5", "00000000"], NOON)) == sorted(entries)


def test_an_answer_is_read_until_it_expires(database: Any) -> None:
    reputation_cache.write("webrisk", [entry("d51d47e8")])
    assert reputation_cache.read("webrisk", ["d51d47e8"], NOON + timedelta(seconds=299))
    assert not reputation_cache.read("webrisk", ["d51d47e8"], NOON + timedelta(seconds=300))


def test_providers_do_not_see_each_others_answers(database: Any) -> None:
    reputation_cache.write("webrisk", [entry("d51d47e8")])
    assert reputation_cache.read("sandbox", ["d51d47e8"], NOON) == []


def test_a_newer_answer_replaces_an_older_one_and_never_the_reverse(database: Any) -> None:
    for order in (0, 5, 3, 5):
        reputation_cache.write("webrisk", [entry("d51d47e8", LISTED if order == 5 else None, seen=order)])
    assert reputation_cache.read("webrisk", ["d51d47e8"], NOON) == [entry("d51d47e8", LISTED, seen=5)]


def test_nothing_to_read_or_write_is_nothing_done(database: Any) -> None:
    reputation_cache.write("webrisk", [])
    assert reputation_cache.read("webrisk", [], NOON) == []


def test_what_holds_no_longer_is_forgotten(database: Any) -> None:
    reputation_cache.write("webrisk", [entry("d51d47e8"), entry("017eb9a5", life=600)])
    assert reputation_cache.forget(NOON + timedelta(seconds=300)) == 1
    assert reputation_cache.forget(NOON + timedelta(seconds=300)) == 0
    assert fetch("select prefix from reputation_cache") == [("017eb9a5",)]


def test_ten_thousand_answers_are_one_statement_each_way(database: Any) -> None:
    entries = [entry(f"{number:08x}", LISTED if number % 2 else None) for number in range(10_000)]
    reputation_cache.write("webrisk", entries)
    found = reputation_cache.read("webrisk", [prefix for prefix, *_ in entries], NOON)
    assert sorted(found) == sorted(entries)


def test_two_sweeps_that_write_the_same_answers_in_other_orders_do_not_block_each_other(database: Any) -> None:
    entries = [entry(f"{number:08x}") for number in range(500)]
    failures: list[BaseException] = []

    def write(order: list[Entry]) -> None:
        try:
            for _ in range(5):
                reputation_cache.write("webrisk", order)
        except BaseException as failure:  # noqa: BLE001  shown below
            failures.append(failure)
        finally:
            connections.drop_connection()

    threads = [threading.Thread(target=write, args=(order,)) for order in (entries, entries[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert failures == []
    assert fetch("select count(*) from reputation_cache") == [(500,)]
