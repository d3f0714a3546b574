"""The command that shows statistics, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import time_machine

from cli.main import run
from cli.plot import bars
from core.ads import statistics
from models.database import execute
from models.fields import bind
from tests.core.ads import stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def publisher(database: Any) -> Any:
    """The login of a publisher with three clicks today."""
    with time_machine.travel(NOON, tick=False):
        made = stage.build()
        stage.local(*(made.click(number, at=timedelta(seconds=number)) for number in range(4)))
        list(statistics.refresh())
        yield made.account.login


def test_the_last_seven_days_are_shown(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--json"]) == 0
    document = orjson.loads(capsys.readouterr().out)
    assert (document["schema"], document["from"], document["to"]) == ("signalbox.stats/1", "2026-11-14", "2026-11-20")
    assert [item["clicks"] for item in document["items"]] == [0, 0, 0, 0, 0, 0, 3]
    assert document["items"][-1]["income"] == document["total"]["income"] == "0.06"
    assert document["total"]["publisher_share_percent"] == "60.00"


def test_piped_it_is_tab_separated_with_all_measures(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--by", "publisher", "--days", "1"]) == 0
    told = capsys.readouterr()
    head, line = (text.split("\t") for text in told.out.splitlines())
    row = dict(zip(head, line, strict=True))
    assert (row["publisher"], row["colour"], row["clicks"], row["partner_cost"]) == (publisher, "green", "3", "0.09")
    assert row["average_view_seconds"] == "30.0"
    assert "as of 2026-11-20 12:00:00Z; days in UTC" in told.err


def test_on_a_terminal_it_is_a_short_table_with_a_total(
    publisher: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    assert run(["stats", "--days", "2"]) == 0
    out = capsys.readouterr().out
    assert "By day, 2026-11-19 to 2026-11-20" in out
    assert "total" in out
    assert "visibility" not in out


@pytest.mark.parametrize("by", ["day", "offer", "informer", "publisher", "manager"])
def test_every_grain_can_be_shown_on_a_terminal(
    publisher: str, by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run(["stats", "--by", by]) == 0
    assert capsys.readouterr().out


def test_a_plot_draws_clicks_refusals_and_income_by_day(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--plot", "--days", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if " " not in line and line] == ["clicks", "rejected", "income"]
    assert [line.split()[1] for line in lines if line.startswith("2026-11-20")] == ["3", "1", "0.06"]
    assert all("█" in line for line in lines if line.startswith("2026-11-20"))
    assert not any("█" in line for line in lines if line.startswith("2026-11-19"))


def test_bars_are_in_proportion_and_never_negative() -> None:
    title, *lines = bars("x", [("a", 8, "8"), ("b", 4, "4"), ("c", 0, "0"), ("d", -3, "-3")], width=16)
    assert title == "x"
    assert lines == ["a  8 ██████████", "b  4 █████", "c  0", "d -3"]


def test_archived_days_are_told(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    execute(
        "insert into archived_day (day, name, state, row_count, archived_at) values (%s, %s, %s, %s, %s)",
        (bind(NOON.date()), "stats_daily", "archived", 1, bind(NOON)),
    )
    assert run(["stats", "--by", "offer", "--json"]) == 0
    told = capsys.readouterr()
    assert orjson.loads(told.out)["archived_days"] == ["2026-11-20"]
    assert "archived: 1 day(s)" in told.err


def test_an_empty_period_says_how_to_fill_it(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--from", "2025-01-01", "--to", "2025-01-02"]) == 0
    assert "signalbox run aggregate_stats" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--by", "moon"], "moon"),
        (["--from", "soon"], "soon"),
        (["--from", "2026-11-20", "--to", "2026-11-19"], "2026-11-19"),
        (["--days", "0"], "--days"),
        (["--days", "3", "--to", "2026-11-19"], "--days"),
        (["--account", "nobody"], "nobody"),
        (["--plot", "--by", "offer"], "--plot"),
    ],
)
def test_wrong_words_are_refused_and_named(
    publisher: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["stats", *words]) == 2
    assert says in capsys.readouterr().err
