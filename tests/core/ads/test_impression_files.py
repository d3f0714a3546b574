"""Files of impressions: how they are read, and that the same file always gives the same batches."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine

from core.ads import impression_files
from core.ads.impression_files import Source, batches, check
from tests.core.ads import stage
from tests.core.ads.stage import Stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
HEAD = "informer_id,offer_id,requested,seen"


@pytest.fixture
def here(sqlite_database: Any) -> Any:
    with time_machine.travel(NOON, tick=False):
        yield stage.build()


def source(text: str | bytes, **more: Any) -> Source:
    data = text if isinstance(text, bytes) else text.encode()
    return Source(io.BytesIO(data), "file:ad-1", **({"day": DAY} | more))


def lines(here: Stage, number: int) -> list[str]:
    return [f"{here.informer.id},{here.offers[place % 5].id},{place + 2},{place + 1}" for place in range(number)]


@pytest.mark.parametrize(
    "dress",
    [
        lambda text: text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("requested", '"requested"').encode(),
        lambda text: text.strip().encode(),
        lambda text: text.replace("\n", "\n\n").encode(),
    ],
    ids=["plain", "crlf", "byte order mark", "quoted", "no last line end", "blank lines"],
)
def test_every_dialect_gives_the_same_rows(here: Stage, dress: Any) -> None:
    text = "\n".join([HEAD, *lines(here, 3)]) + "\n"
    found = source(dress(text))
    checked = check(found)
    assert (checked.rows, checked.problems) == (3, [])
    (batch,) = batches(found, checked.file_id)
    assert [row.requested for row in batch.impressions] == [2, 3, 4]


def test_a_file_of_json_lines_gives_the_same_batch_as_one_of_cells(here: Stage) -> None:
    number = UUID(int=7)
    cells = source("\n".join([HEAD, *lines(here, 2)]), batch_id=number)
    names = HEAD.split(",")
    objects = [
        "{" + ",".join(f'"{n}":{v}' for n, v in zip(names, line.split(","), strict=True)) + "}"
        for line in lines(here, 2)
    ]
    as_json = source("\n".join(objects), batch_id=number)
    first, second = ([batch.row() for batch in batches(item, number)] for item in (cells, as_json))
    assert first == second


def test_the_ids_of_batches_follow_from_content_server_and_place(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impression_files, "BATCH_LINES", 4)
    text = "\n".join([HEAD, *lines(here, 9)])

    def ids(item: Source) -> list[UUID]:
        return [batch.batch_id for batch in batches(item, check(item).file_id)]

    first = ids(source(text))
    assert len(first) == len(set(first)) == 3
    assert ids(source(text)) == first
    other_server = source(text)
    other_server.server = "file:ad-2"
    for other in (source(text + "\n"), source(text, day=date(2026, 11, 19)), other_server):
        assert not set(ids(other)) & set(first)


def test_a_batch_holds_one_day_and_all_rows_arrive_once(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impression_files, "BATCH_LINES", 5)
    rows = [f"2026-11-{19 + place % 2},{line}" for place, line in enumerate(lines(here, 12))]
    item = source("\n".join(["day," + HEAD, *rows]))
    made = list(batches(item, check(item).file_id))
    assert {batch.day for batch in made} == {date(2026, 11, 19), DAY}
    assert sum(row.requested for batch in made for row in batch.impressions) == sum(range(2, 14))


def test_a_thousand_problems_are_kept_and_all_are_counted(here: Stage) -> None:
    found = check(source("\n".join([HEAD, *(["1,2"] * 1500)])))
    assert (found.bad, len(found.problems), found.problems[0][0]) == (1500, 1000, 2)


def test_what_a_row_held_is_not_repeated(here: Stage) -> None:
    found = check(source(f"{HEAD}\ncanary-77,1,1,1\n1,1,canary-77,1"))
    assert found.bad == 2
    assert "canary-77" not in repr(found.problems)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xff\xfe\x00", b"\x00" * 100, b'{"a":', b"[1]", b"x" * 100_000])
def test_no_content_is_a_crash(here: Stage, text: bytes) -> None:
    assert check(source(text)).rows == 0
