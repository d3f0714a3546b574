"""The traffic report on the command line, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import time_machine

from cli.main import run
from models.database import execute
from models.fields import bind
from tests.core.ads import stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def publisher(database: Any) -> Any:
    """The login of a publisher with three clicks and two refusals of one visitor."""
    with time_machine.travel(NOON, tick=False):
        made = stage.build()
        stage.local(*(made.click(number, at=timedelta(seconds=number)) for number in range(5)))
        yield made.account.login


def test_the_report_names_the_informer_and_the_reason(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["traffic", "--json"]) == 0
    document = orjson.loads(capsys.readouterr().out)
    (item,) = document["items"]
    assert document["schema"] == "signalbox.traffic/1"
    assert (item["publisher"], item["clicks"], item["rejected_percent"]) == (publisher, 3, "40.00")
    assert (item["actors_3"], item["median_view_seconds"]) == (1, "30.0")
    assert item["reason"] == "only 5 click(s), too few to judge"


def test_piped_it_is_tab_separated(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["traffic", "--account", publisher]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert len(head.split("\t")) == len(line.split("\t"))


def test_archived_days_are_told(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    execute(
        "insert into archived_day (day, name, state, row_count, archived_at) values (%s, %s, %s, %s, %s)",
        (bind(NOON.date()), "click", "archived", 1, bind(NOON)),
    )
    assert run(["traffic"]) == 0
    assert "clicks of 1 day(s)" in capsys.readouterr().err


def test_an_unknown_account_is_refused(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["traffic", "--account", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
