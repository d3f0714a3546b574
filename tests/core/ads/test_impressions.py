"""Impressions are added once per batch, whatever is repeated, concurrent or interrupted."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import orjson
import pytest
import time_machine

from config.clock import now
from config.ids import new_id
from core.ads import impressions
from core.ads.impressions import BadBatch, Batch, BatchConflict, decode
from models import click_writes
from models import impressions as rows
from models.database import execute, fetch
from models.fields import bind, day
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.core.ads.stage import Stage
from tests.together import outcomes

NOON = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
TODAY = date(2026, 11, 20)


@pytest.fixture
def here(database: Any) -> Any:
    with time_machine.travel(NOON, tick=False):
        yield stage.build()


def document(here: Stage, **more: Any) -> dict[str, Any]:
    row = {"informer_id": here.informer.id, "offer_id": here.offers[0].id, "requested": 10, "seen": 7}
    loads = {"informer_id": here.informer.id, "requested": 5, "seen": 4}
    return {"batch_id": str(new_id()), "day": str(TODAY), "impressions": [row], "block_views": [loads]} | more


def batch(here: Stage, server: str = "ad-1", **more: Any) -> Batch:
    return decode(orjson.dumps(document(here, **more)), server)


def counters() -> list[tuple[Any, ...]]:
    shown = fetch("select day, requested, seen from impression_daily order by 1, 2, 3")
    loaded = fetch("select day, requested, seen from block_view_daily order by 1, 2, 3")
    return [(str(day(row[0])), *row[1:]) for row in (*shown, *loaded)]


def test_a_batch_is_added_and_its_day_asked_for(here: Stage) -> None:
    assert impressions.take(batch(here))
    assert counters() == [("2026-11-20", 10, 7), ("2026-11-20", 5, 4)]
    assert [str(day(row[0])) for row in fetch("select day from stats_dirty_day")] == ["2026-11-20"]


def test_the_same_batch_twice_is_added_once(here: Stage) -> None:
    made = batch(here)
    assert [impressions.take(made) for _ in range(3)] == [True, False, False]
    assert counters() == [("2026-11-20", 10, 7), ("2026-11-20", 5, 4)]


def test_two_batches_add_up(here: Stage) -> None:
    assert all(impressions.take(batch(here)) for _ in range(2))
    assert counters() == [("2026-11-20", 20, 14), ("2026-11-20", 10, 8)]


def test_equal_keys_within_a_batch_add_up_and_their_order_does_not_matter(here: Stage) -> None:
    base = document(here)
    row = base["impressions"][0]
    rows = [row, row | {"is_social": True}, row]
    first, other = (orjson.dumps(base | {"impressions": order}) for order in (rows, rows[::-1]))
    assert impressions.take(decode(first, "ad-1"))
    assert not impressions.take(decode(other, "ad-1"))
    assert counters() == [("2026-11-20", 10, 7), ("2026-11-20", 20, 14), ("2026-11-20", 5, 4)]


@pytest.mark.parametrize("change", [{"impressions": []}, {"day": "2026-11-19"}])
def test_a_known_id_with_other_content_is_refused_and_changes_nothing(here: Stage, change: dict[str, Any]) -> None:
    base = document(here)
    assert impressions.take(decode(orjson.dumps(base), "ad-1"))
    before = counters()
    with pytest.raises(BatchConflict, match="other content"):
        impressions.take(decode(orjson.dumps(base | change), "ad-1"))
    assert counters() == before


def test_the_same_batch_from_another_server_is_refused(here: Stage) -> None:
    base = orjson.dumps(document(here))
    assert impressions.take(decode(base, "ad-1"))
    with pytest.raises(BatchConflict):
        impressions.take(decode(base, "ad-2"))


def test_one_batch_delivered_eight_times_at_once_is_added_once(here: Stage) -> None:
    made = batch(here)
    results = outcomes(*[lambda: impressions.take(made)] * 8)
    assert sorted(map(str, results)) == ["False"] * 7 + ["True"]
    assert counters() == [("2026-11-20", 10, 7), ("2026-11-20", 5, 4)]


def test_eight_batches_with_the_same_keys_in_any_order_do_not_block_each_other(here: Stage) -> None:
    shown = [
        {"informer_id": here.informer.id, "offer_id": offer.id, "requested": 2, "seen": 1} for offer in here.offers
    ]
    made = [batch(here, impressions=shown[place % 5 :] + shown[: place % 5]) for place in range(8)]
    results = outcomes(*[lambda made=made: impressions.take(made) for made in made])
    assert results == [True] * 8
    assert counters()[:5] == [("2026-11-20", 16, 8)] * 5


@pytest.mark.parametrize("step", ["add_impressions", "add_block_views"])
def test_a_death_between_two_steps_leaves_nothing_and_the_repetition_adds_all(
    here: Stage, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = batch(here)
    with monkeypatch.context() as patch:
        patch.setattr(rows, step, _dies)
        with pytest.raises(KeyboardInterrupt):
            impressions.take(made)
    assert counters() == []
    assert impressions.take(made)
    assert counters() == [("2026-11-20", 10, 7), ("2026-11-20", 5, 4)]


def test_a_death_before_the_day_is_marked_leaves_nothing(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(click_writes, "mark_days", _dies)
        with pytest.raises(KeyboardInterrupt):
            impressions.take(batch(here))
    assert counters() == []
    assert fetch("select count(*) from impression_batch") == [(0,)]


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_earlier_day_is_marked_each_time(here: Stage) -> None:
    for _ in range(2):
        impressions.take(batch(here, day="2026-10-01"))
    assert fetch("select marks from stats_dirty_day") == [(2,)]


def test_today_is_the_day_of_the_reports(here: Stage, settings_env: SettingsEnv) -> None:
    settings_env(LOCAL_TIMEZONE="Pacific/Kiritimati")
    impressions.take(batch(here, day="2026-11-22"))
    with pytest.raises(BadBatch, match="future"):
        impressions.take(batch(here, day="2026-11-23"))


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [("2026-11-22", "day", "future"), ("2026-09-20", "day", "60 days"), ("2026-11-10", "day", "archived")],
)
def test_a_day_that_cannot_be_counted_is_refused(here: Stage, given: str, field: str, says: str) -> None:
    execute(
        "insert into archived_day (day, name, state, row_count, archived_at) values (%s, %s, %s, %s, %s)",
        (bind(date(2026, 11, 10)), "impression_daily", "moving", 0, bind(now())),
    )
    with pytest.raises(BadBatch, match=says) as caught:
        impressions.take(batch(here, day=given))
    assert caught.value.field == field
    assert counters() == []


def test_the_oldest_day_that_is_not_archived_is_taken(here: Stage) -> None:
    assert impressions.take(batch(here, day="2026-09-21"))


def test_unknown_ids_are_named_but_not_more_than_ten(here: Stage) -> None:
    rows = [{"informer_id": here.informer.id, "offer_id": 9000 + n, "requested": 1, "seen": 1} for n in range(12)]
    with pytest.raises(BadBatch, match=r"offer_id: 12 unknown: 9000, .*9009, …") as caught:
        impressions.take(batch(here, impressions=rows))
    assert "9010" not in str(caught.value)
    with pytest.raises(BadBatch, match="informer_id: 1 unknown: 77"):
        impressions.take(batch(here, block_views=[{"informer_id": 77, "requested": 1, "seen": 1}]))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"requested": -1}, "impressions[0].requested"),
        ({"seen": 11}, "impressions[0].seen"),
        ({"requested": 2**63}, "impressions[0].requested"),
        ({"offer_id": 2**63}, "impressions[0].offer_id"),
        ({"informer_id": "x"}, "impressions[0].informer_id"),
        ({"clicks": 1}, "impressions[0]"),
        (5, "impressions[0]"),
    ],
)
def test_a_wrong_row_is_refused_with_its_field(here: Stage, row: Any, field: str) -> None:
    base = document(here)
    with pytest.raises(BadBatch) as caught:
        batch(here, impressions=[base["impressions"][0] | row if isinstance(row, dict) else row])
    assert caught.value.field == field


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"batch_id": "x", "day": "2026-11-20"}'])
def test_what_is_no_batch_is_refused(body: bytes, settings_env: SettingsEnv) -> None:
    with pytest.raises(BadBatch):
        decode(body, "ad-1")


def test_a_batch_has_one_to_fifty_thousand_rows(here: Stage) -> None:
    row = document(here)["impressions"][0]
    with pytest.raises(BadBatch, match="50001 rows"):
        batch(here, impressions=[row] * 50_001, block_views=[])
    with pytest.raises(BadBatch, match="0 rows"):
        batch(here, impressions=[], block_views=[])
