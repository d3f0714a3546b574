"""Starting a task from the command line, on the embedded mode."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from cli.main import run
from cli.messages import milliseconds
from config.clock import now
from models.runtime import QueueMessage


@pytest.fixture(autouse=True)
def embedded(sqlite_database: Any) -> None:
    """Messages are rows of the database."""


def test_a_task_is_sent_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["enqueue", "refresh_campaign", "campaign_id=12", "--json"]) == 0
    sent = orjson.loads(capsys.readouterr().out)
    row = QueueMessage.get()
    assert (row.queue, row.message_id) == ("jobs", sent["message_id"])
    assert orjson.loads(bytes(row.body))["kwargs"] == {"campaign_id": 12}


def test_a_delayed_task_waits_in_its_row() -> None:
    assert run(["enqueue", "clean_ip_blacklist", "--delay", "2h"]) == 0
    assert abs(QueueMessage.get().available_at - now() - timedelta(hours=2)) < timedelta(minutes=1)


def test_a_dry_run_sends_nothing() -> None:
    assert run(["enqueue", "clean_ip_blacklist", "--dry-run"]) == 0
    assert QueueMessage.select().count() == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["enqueue", "refresh_campaign"], "campaign_id"),
        (["enqueue", "refresh_campaign", "campaign_id=many"], "campaign_id"),
        (["enqueue", "refresh_campaign", "campaign_id=1", "force=1"], "force"),
        (["enqueue", "refresh_campaign", "campaign_id"], "NAME=VALUE"),
        (["enqueue", "no_such_task"], "no_such_task"),
        (["enqueue", "clean_ip_blacklist", "--delay", "soon"], "soon"),
    ],
)
def test_a_wrong_word_is_refused_and_named(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert says in capsys.readouterr().err
    assert QueueMessage.select().count() == 0


def test_a_task_runs_here_without_a_queue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "clean_ip_blacklist", "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out) == {
        "schema": "signalbox.run/1", "task": "clean_ip_blacklist", "result": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)]
)
def test_durations_are_written_with_a_unit(text: str, expected: int) -> None:
    assert milliseconds(text) == expected
