"""What the judge reads is what is stored: a row deleted or doubled behind the product's back changes the verdict."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.chaos import facts
from bench.chaos.checker import Verdict, judge
from bench.chaos.nemesis import Deed
from bench.chaos.plan import Do
from bench.journal import Answer, Record
from bench.stage import EmbeddedStage
from bench.world import DESTINATION, Visit, World
from config.ids import new_id
from config.settings import get_settings
from models.fields import instant_text
from tests.conftest import SettingsEnv

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLICK = """
insert into click (click_day, click_id, clicked_at, offer_id, campaign_id, informer_id, account_id, url, state,
    is_unique, is_social, advertiser_cost, partner_cost, view_ms, created_at)
values ('2026-11-21', ?, ?, 1, 1, 1, 1, ?, ?, 0, 0, 0, 0, 1, ?)
"""
REJECTED = """
insert into click_rejected (click_day, click_id, clicked_at, token, url, reason_code, reason, detail, view_ms)
values ('2026-11-21', ?, ?, '', ?, 'link_expired', '', '{}', 1)
"""
ERROR = """
insert into click_error (click_day, click_id, clicked_at, stage, code, message, payload, created_at, state)
values ('2026-11-21', ?, ?, 'decide', 'internal', '', json_object('url', ?), ?, 'open')
"""


@pytest.fixture
def file(settings_env: SettingsEnv, migrated_sqlite_url: str) -> Path:
    """A migrated database with three visits: counted, rejected, failed."""
    path = Path(migrated_sqlite_url.removeprefix("sqlite:///"))
    at = instant_text(AT)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(CLICK, (str(new_id()), at, DESTINATION.format(0), "done", at))
        connection.execute(REJECTED, (str(new_id()), at, DESTINATION.format(1)))
        connection.execute(ERROR, (str(new_id()), at, DESTINATION.format(2), at))
    return path


@pytest.fixture
def ground(file: Path, tmp_path: Path) -> EmbeddedStage:
    (tmp_path / "spool").mkdir()
    variables = {"SQLITE_PATH": str(file), "SPOOL_DIR": str(tmp_path / "spool")}
    return EmbeddedStage(tmp_path, get_settings(), variables, World([1], [1]), 0)


def verdict(ground: EmbeddedStage) -> Verdict:
    visits = {number: Visit(number, "", f"11.0.0.{number}") for number in range(3)}
    visits[1] = Visit(1, "", "11.0.0.2")  # the address with an error, so that its refusal proves nothing
    answers = {number: Answer(1.0, 302, DESTINATION.format(number), 0.1) for number in visits}
    return judge(Record(attempts=dict.fromkeys(visits, 0.9), answers=answers), facts.rows(ground), visits)


def change(file: Path, sql: str, *values: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql, values)


def test_every_store_is_read(ground: EmbeddedStage) -> None:
    found = verdict(ground)
    assert found.violations() == {}
    assert found.outcomes == {"counted": 1, "rejected": 1, "error": 1}


@pytest.mark.parametrize(("table", "number"), [("click", 0), ("click_rejected", 1), ("click_error", 2)])
def test_a_deleted_row_is_a_lost_click(ground: EmbeddedStage, file: Path, table: str, number: int) -> None:
    change(file, f"delete from {table}")
    assert verdict(ground).violations()["I1 lost"] == [number]


def test_a_row_in_a_second_store_is_a_doubled_click(ground: EmbeddedStage, file: Path) -> None:
    change(file, REJECTED, str(new_id()), instant_text(AT), DESTINATION.format(0))
    assert verdict(ground).violations()["I2 duplicated"] == [0]


def test_an_error_that_was_replayed_is_no_outcome_any_more(ground: EmbeddedStage, file: Path) -> None:
    change(file, "update click_error set state = 'replayed'")
    assert verdict(ground).violations()["I1 lost"] == [2]


def test_nothing_waits_in_a_drained_system(ground: EmbeddedStage) -> None:
    assert facts.open_work(ground) == {}


def test_what_waits_is_counted_where_it_waits(ground: EmbeddedStage, file: Path) -> None:
    change(file, CLICK, str(new_id()), instant_text(AT), "", "pending", instant_text(AT))
    change(file, "insert into queue_message (message_id, queue, body, available_at) values ('m', 'clicks', '', '2026')")
    (ground.spool / "clicks-1-1.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert facts.open_work(ground) == {"queued": 1, "spooled": 2, "pending": 1}


def test_recovery_is_the_time_to_the_next_stored_click(ground: EmbeddedStage, file: Path) -> None:
    for seconds in (1, 5):
        at = instant_text(AT + timedelta(seconds=seconds))
        change(file, CLICK, str(new_id()), at, "", "done", at)
    deeds = [Deed(t, Do.KILL9, "worker-1", found=True) for t in (0.5, 2.0, 6.0)]
    assert facts.recovery_seconds(ground, AT.timestamp(), deeds) == [0.5, 3.0]
