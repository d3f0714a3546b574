"""Exports: what is written, that it is complete or absent, and that no cell is a formula; on both engines."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
import time_machine

from cli.main import run
from config.settings import environment
from core.ads import export, statistics
from models import export as reading
from models.ads import Click
from models.database import db, execute
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.core.ads.stage import IP, Stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NASTY = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "a,=b", 'quo"te', "line\nbreak", "ü"]


@pytest.fixture
def here(database: Any) -> Any:
    """A publisher with three clicks, and the statistics and earnings that follow."""
    with time_machine.travel(NOON, tick=False):
        made = stage.build()
        stage.local(*(made.click(number, at=timedelta(seconds=number)) for number in range(3)))
        list(statistics.refresh())
        yield made


def exported(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["export", *words, "-o", "-"]) == 0
    return capsys.readouterr().out


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_clicks_are_written_with_exact_money_and_without_addresses(
    here: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    text = exported(capsys, "clicks")
    rows = records(text)
    assert [row["clicked_at"] for row in rows] == [f"2026-11-20T11:55:0{second}.000000Z" for second in range(3)]
    assert {(row["advertiser_cost"], row["partner_cost"], row["is_unique"]) for row in rows} == {
        ("0.05", "0.03", "true")
    }
    assert rows[0]["publisher"] == here.account.login
    assert IP not in text


def test_addresses_come_only_when_asked_for(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(exported(capsys, "clicks", "--with-addresses"))
    assert {row["ip"].partition("/")[0] for row in rows} == {IP}
    assert {row["visitor_id"] for row in rows} == {"v"}


def test_json_lines_carry_money_twice_and_instants_in_utc(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    first = orjson.loads(exported(capsys, "clicks", "--format", "jsonl").splitlines()[0])
    assert (first["schema"], first["partner_cost"], first["partner_cost_micros"]) == (
        "signalbox.export.clicks/1", "0.03", 30_000,
    )  # fmt: skip
    assert (first["clicked_at"], first["is_unique"], first["offer_id"]) == (
        "2026-11-20T11:55:00.000000Z", True, here.offers[0].id,
    )  # fmt: skip


def test_statistics_and_ledger_are_written(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    (day,) = records(exported(capsys, "stats"))
    assert (day["day"], day["clicks"], day["partner_cost"], day["publisher"]) == (
        "2026-11-20", "3", "0.09", here.account.login,
    )  # fmt: skip
    (entry,) = records(exported(capsys, "ledger"))
    assert (entry["kind"], entry["amount"], entry["ref_day"], entry["request_id"]) == (
        "earning_day", "0.09", "2026-11-20", "",
    )  # fmt: skip


def test_s13_no_cell_of_text_is_a_formula(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.local(*(here.click(3, at=timedelta(seconds=60), ip=stage.ip(number)) for number in range(len(NASTY))))
    for click, text in zip(Click.select().order_by(Click.click_id), NASTY, strict=False):
        Click.update(referer=text, user_agent=text).where(Click.click_id == click.click_id).execute()
    rows = records(exported(capsys, "clicks", "--with-addresses"))
    cells = [cell for row in rows for name, cell in row.items() if name not in ("advertiser_cost", "partner_cost")]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert sorted(row["referer"] for row in rows if row["referer"]) == sorted(
        "'" + text if text[0] in "=+-@\t\r" else text for text in NASTY
    )


def test_s13_numbers_stay_numbers_and_json_stays_as_it_is(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    statement = (
        "insert into ledger_entry (account_id, kind, amount, reason, created_by, created_at) "
        "values (%s, 'adjustment', %s, %s, %s, %s)"
    )
    execute(statement, (here.account.id, -500_000, "=cmd|'/c calc'!A1", "@anna", bind(NOON)))
    *_, entry = records(exported(capsys, "ledger"))
    assert (entry["amount"], entry["reason"], entry["created_by"]) == ("-0.50", "'=cmd|'/c calc'!A1", "'@anna")
    line = orjson.loads(exported(capsys, "ledger", "--format", "jsonl").splitlines()[-1])
    assert (line["amount"], line["amount_micros"], line["reason"]) == ("-0.50", -500_000, "=cmd|'/c calc'!A1")


def test_the_days_are_those_of_the_reports(
    here: Stage, settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env(LOCAL_TIMEZONE="Pacific/Kiritimati")
    for day, expected in (("2026-11-20", 0), ("2026-11-21", 3)):
        assert len(records(exported(capsys, "clicks", "--from", day, "--to", day))) == expected


def test_one_account_alone(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    other = stage.build()
    assert len(records(exported(capsys, "clicks", "--account", here.account.login))) == 3
    for what in reading.SHEETS:
        assert records(exported(capsys, what, "--account", other.account.login)) == []


def test_a_file_appears_complete_and_is_private(
    here: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "clicks.csv"
    assert run(["export", "clicks", "-o", str(target)]) == 0
    assert "3 row(s)" in capsys.readouterr().err
    assert len(records(target.read_text())) == 3
    assert [path.name for path in tmp_path.iterdir() if "clicks" in path.name] == ["clicks.csv"]
    assert target.stat().st_mode & 0o077 == 0


def test_an_export_that_dies_leaves_the_old_file(
    here: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "clicks.csv"
    target.write_text("yesterday's")

    def dies(order: Any) -> Any:
        yield 1, b"half"
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "pieces", dies)
    assert run(["export", "clicks", "-o", str(target)]) == 130
    assert target.read_text() == "yesterday's"
    assert list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part")) == []


KILLED = """
import os, signal, sys
from core.ads import export
def dies(order):
    yield 1, b"half"
    os.kill(os.getpid(), signal.SIGKILL)
export.pieces = dies
from cli.main import run
run(["export", "clicks", "-o", sys.argv[1]])
"""


def test_an_export_that_is_killed_leaves_no_file_of_that_name(here: Stage, tmp_path: Path) -> None:
    target = tmp_path / "clicks.csv"
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], env=environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()


def test_archived_days_are_told(here: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    execute(
        "insert into archived_day (day, name, state, row_count, archived_at) values (%s, %s, %s, %s, %s)",
        (bind(NOON.date()), "click", "archived", 1, bind(NOON)),
    )
    assert run(["export", "clicks", "-o", "-"]) == 0
    assert "archived: 1 day(s)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["moon", "-o", "-"], "moon"),
        (["clicks"], "--output"),
        (["clicks", "-o", "-", "--format", "xls"], "xls"),
        (["clicks", "-o", "-", "--account", "nobody"], "nobody"),
        (["clicks", "-o", "{tmp}"], "no file"),
        (["clicks", "-o", "{tmp}/no/where.csv"], "cannot write"),
    ],
)
def test_wrong_words_are_refused_and_named(
    here: Stage, tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", *(word.format(tmp=tmp_path) for word in words)]) == 2
    assert says in capsys.readouterr().err


def test_the_standard_output_of_a_reader_that_leaves_ends_quietly(here: Stage, tmp_path: Path) -> None:
    db.close()
    program = f"import sys; from cli.main import run; sys.exit(run({['export', 'clicks', '-o', '-']!r}))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1
