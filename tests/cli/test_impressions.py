"""Taking files of impressions from the command line, on both engines."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import time_machine

from cli.main import run
from core.ads import impression_files, impression_servers, impressions
from models.database import fetch
from tests.core.ads import stage
from tests.core.ads.stage import Stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def here(database: Any) -> Any:
    with time_machine.travel(NOON, tick=False):
        yield stage.build()


@pytest.fixture
def csv_file(here: Stage, tmp_path: Path) -> Path:
    """Three rows of two days and two kinds."""
    one, informer = here.offers[0].id, here.informer.id
    lines = [
        "day,informer_id,offer_id,requested,seen,is_social",
        f"2026-11-20,{informer},{one},10,7,",
        f"2026-11-19,{informer},{one},5,5,true",
        f"2026-11-20,{informer},,4,3,",
    ]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def take(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> Any:
    assert run(["impressions", "import", *map(str, words), "--json"]) == code
    return orjson.loads(capsys.readouterr().out)


def counters() -> list[tuple[Any, ...]]:
    return fetch("select requested, seen from impression_daily order by 1") + fetch(
        "select requested, seen from block_view_daily"
    )


def test_a_csv_file_is_added_once(csv_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = take(capsys, csv_file), take(capsys, csv_file)
    assert (first["rows"], first["batches"], first["added"], first["bad"]) == (3, 2, 2, 0)
    assert (again["added"], again["known"]) == (0, 2)
    assert counters() == [(5, 5), (10, 7), (4, 3)]
    assert first["schema"] == "signalbox.impressions.import/1"


def test_json_lines_come_from_the_standard_input(
    here: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"informer_id": here.informer.id, "offer_id": here.offers[0].id, "requested": 3, "seen": 1}
    text = b"\n".join(orjson.dumps(row) for _ in range(4)) + b"\n\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert take(capsys, "-", "--day", "2026-11-20")["rows"] == 4
    assert counters() == [(12, 4)]


def test_a_dry_run_changes_nothing(csv_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take(capsys, csv_file, "--dry-run")["rows"] == 3
    assert counters() == []


def test_every_bad_line_is_named_and_nothing_is_added(
    here: Stage, csv_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    informer, offer = here.informer.id, here.offers[0].id
    bad = [
        f"2026-11-20,{informer},{offer},1,2,",
        f"2026-11-20,{informer},{offer},-1,0,",
        f"2026-11-20,999,{offer},1,1,",
        f"2026-11-25,{informer},{offer},1,1,",
        f",{informer},{offer},1,1,",
        f"2026-11-20,{informer},{offer},{2**70},1,",
        "2026-11-20,1",
        "x" * 5000,
    ]
    csv_file.write_text(csv_file.read_text() + "\n".join(bad) + "\n")
    document = take(capsys, csv_file, code=1)
    assert [item["line"] for item in document["problems"]] == [5, 6, 7, 8, 9, 10, 11, 12]
    says = ["seen:", "requested:", "informer_id: 999", "future", "day: missing", "requested:", "row:", "longer than"]
    assert all(word in item["problem"] for word, item in zip(says, document["problems"], strict=True))
    assert counters() == []


def test_bad_lines_are_told_on_stderr(csv_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv_file.write_text(csv_file.read_text().replace("10,7", "7,10"))
    assert run(["impressions", "import", str(csv_file)]) == 1
    told = capsys.readouterr()
    assert "line 2: seen: 10 seen of 7 requested" in told.err
    assert "nothing added" in told.out


@pytest.mark.parametrize("header", ["day,informer_id,seen", "informer_id,requested,seen,price", "informer_id," * 3])
def test_a_header_that_does_not_fit_is_refused(
    here: Stage, tmp_path: Path, header: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(header + "\n")
    assert take(capsys, path, code=1)["problems"][0]["line"] == 1


def test_a_file_that_was_interrupted_is_finished_by_giving_it_again(
    here: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(impression_files, "BATCH_LINES", 2)
    row = {"informer_id": here.informer.id, "offer_id": here.offers[0].id, "requested": 2, "seen": 1}
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for _ in range(9)))
    taken = iter([True, True])

    def dies(batch: Any, take: Any = impressions.take) -> bool:
        next(taken)
        return bool(take(batch))

    with monkeypatch.context() as patch:
        patch.setattr(impressions, "take", dies)
        assert run(["impressions", "import", str(path), "--day", "2026-11-20"]) == 1
    capsys.readouterr()
    assert counters() == [(8, 4)]
    assert take(capsys, path, "--day", "2026-11-20")["known"] == 2
    assert counters() == [(18, 9)]


def test_a_numbered_file_that_has_changed_is_refused(csv_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = "5cf1f9a6-0d57-4d0b-9a0e-6c5f0c1b7a22"
    take(capsys, csv_file, "--batch-id", number)
    csv_file.write_text(csv_file.read_text().replace("10,7", "11,7"))
    assert run(["impressions", "import", str(csv_file), "--batch-id", number]) == 1
    assert "other content" in capsys.readouterr().err
    assert counters() == [(5, 5), (10, 7), (4, 3)]


def test_the_same_counts_under_another_number_are_added_again(
    csv_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take(capsys, csv_file)
    take(capsys, csv_file, "--batch-id", "5cf1f9a6-0d57-4d0b-9a0e-6c5f0c1b7a23")
    assert counters() == [(10, 10), (20, 14), (8, 6)]


def test_a_file_is_no_server_that_could_go_quiet(csv_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take(capsys, csv_file, "--server", "ad-1")
    assert impression_servers.silent_servers(NOON.replace(hour=23)) == []


@pytest.mark.parametrize("words", [["missing.csv"], ["{file}", "--day", "soon"], ["{file}", "--batch-id", "7"]])
def test_wrong_words_are_usage(csv_file: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["impressions", "import", *(word.format(file=csv_file) for word in words)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_two_gigabytes_are_refused_unread(here: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bomb.csv"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    assert run(["impressions", "import", str(path)]) == 2
    assert "split it" in capsys.readouterr().err
