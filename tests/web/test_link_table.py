"""Offers and informers in memory: loading, following changes, asking for what is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from peewee import OperationalError

from models import ads, link_version
from tests.eventually import eventually
from tests.web.rows import DESTINATION, new_offer, world
from web import link_table as module
from web.link_table import LinkTable


@pytest.fixture
def table(database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkTable]:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    # the promise to visitors is 50 ms; a loaded test machine may take longer to answer
    monkeypatch.setattr(module, "MISS_SECONDS", 30)
    monkeypatch.setattr(link_version, "MISS_MS", 30_000)
    table = LinkTable()
    yield table
    table.stop()


def test_an_offer_and_its_campaign_are_there_after_loading(table: LinkTable) -> None:
    offer_id, informer_id = world(settings={"utm": True})
    _start(table)
    offer = table.offer(offer_id)
    assert offer is not None
    assert (offer.url, offer.facts.campaign_title, offer.facts.utm, offer.facts.partner_marker) == (
        DESTINATION,
        "Spring sale",
        True,
        True,
    )
    informer = table.informer(informer_id)
    assert informer is not None
    assert informer.site_host.startswith("news-")


def test_a_change_with_a_new_version_is_followed(table: LinkTable) -> None:
    offer_id, _ = world()
    _start(table)
    ads.Offer.update(url="https://other.example/").execute()
    link_version.bump()
    eventually(lambda: table.offer(offer_id).url == "https://other.example/")  # type: ignore[union-attr]


def test_an_offer_newer_than_the_table_is_asked_for(table: LinkTable) -> None:
    world()
    _start(table)
    offer = new_offer(ads.Campaign.get(), "https://new.example/")
    found = table.offer(offer.id)
    assert found is not None
    assert found.url == "https://new.example/"


def test_an_unknown_offer_is_asked_for_once_in_five_seconds(table: LinkTable, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(monkeypatch)
    _start(table)
    assert table.offer(999) is None
    assert asked == [999]
    assert table.offer(999) is None
    assert asked == [999]


def test_a_loaded_table_can_be_asked_at_once(table: LinkTable, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(monkeypatch)
    monkeypatch.setattr("gc.freeze", lambda: time.sleep(0.2))
    monkeypatch.setattr(module.log, "info", lambda *_, **__: time.sleep(0.2))
    _start(table)
    assert table.offer(999) is None
    assert asked == [999]


def test_many_who_miss_the_same_offer_ask_once(table: LinkTable, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(monkeypatch, seconds=0.2)
    _start(table)
    askers = [threading.Thread(target=table.offer, args=(999,)) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert asked == [999]


def test_whoever_was_held_up_while_others_were_answered_does_not_ask_again(
    table: LinkTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _counting(monkeypatch)
    _start(table)
    late = threading.Thread(target=table.offer, args=(999,))
    with table._lock:
        late.start()
        time.sleep(0.05)
        table._absent_until["offer", 999] = time.monotonic() + 60
    late.join()
    assert asked == []


def test_with_the_database_down_what_was_loaded_stays(table: LinkTable, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_id, _ = world()
    _start(table)
    monkeypatch.setattr(link_version, "current", _down)
    monkeypatch.setattr(link_version, "find_offer", _down)
    eventually(lambda: not table._reachable)
    assert table.offer(offer_id) is not None
    assert table.offer(999) is None


def test_a_database_that_is_down_at_the_start_is_tried_again(table: LinkTable, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_id, _ = world()
    working = link_version.current
    monkeypatch.setattr(link_version, "current", _down)
    table.start()
    time.sleep(0.05)
    assert (table.loaded, table.offer(offer_id)) == (False, None)
    monkeypatch.setattr(link_version, "current", working)
    eventually(lambda: table.loaded)


def test_a_hanging_database_holds_up_a_visitor_once(table: LinkTable, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, goes_on = threading.Event(), threading.Event()

    def hang(offer_id: int) -> None:
        hanging.set()
        goes_on.wait(60)

    monkeypatch.setattr(link_version, "find_offer", hang)
    _start(table)
    first = threading.Thread(target=table.offer, args=(1000,))
    first.start()
    assert hanging.wait(30)
    monkeypatch.setattr(module, "MISS_SECONDS", 0.02)
    for offer_id in range(100):
        assert table.offer(offer_id) is None
    waited_for = list(table._questions)
    goes_on.set()
    first.join()
    # only the first of the hundred waited, behind the one whose question hangs
    assert waited_for == [("offer", 1000), ("offer", 0)]


def _start(table: LinkTable) -> None:
    table.start()
    eventually(lambda: table.loaded)


def _counting(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0) -> list[int]:
    asked: list[int] = []

    def find(offer_id: int) -> None:
        asked.append(offer_id)
        time.sleep(seconds)

    monkeypatch.setattr(link_version, "find_offer", find)
    return asked


def _down(*_: object) -> None:
    raise OperationalError("down")
