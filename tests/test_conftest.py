"""The fixtures give every test a clean start."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.settings import get_settings
from models.database import connect, db, drop_connection, execute, fetch, is_postgres
from models.migrate import pending
from tests.conftest import SettingsEnv, until_midnight
from tests.kept_database import KeptDatabase


def test_the_database_is_migrated(database: Any) -> None:
    assert pending() == []


@pytest.mark.parametrize("turn", ["first", "second"])
def test_no_row_reaches_another_test(database: Any, turn: str) -> None:
    assert execute("create table left_behind (turn text)") <= 0
    assert execute("insert into left_behind values (%s)", (turn,)) == 1


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_finds_the_rows_and_numbers_of_the_migrations(database: Any, turn: str) -> None:
    assert execute("delete from link_version where version = 1") == 1
    written = "insert into click_rules (digest, rules, first_used_at) values (%s, '{}', %s) returning id"
    chained = "insert into audit_log (at, actor_kind, actor, action, object, previous_hash, hash) values "

    assert fetch(written, (turn, "2026-11-21T12:00:00Z")) == [(1,)]
    assert execute(f"{chained} ('2026-11-21T12:00:00Z', 'user', 'a', 'b', 'c', '', %s)", (turn,)) == 1


def test_a_process_that_outlives_its_test_reaches_no_other(
    kept_databases: Callable[[str], KeptDatabase], postgres_template: str
) -> None:
    kept_database = kept_databases(postgres_template)
    used = kept_database.take()
    left_over = psycopg2.connect(used)
    kept_database.give_back(used)

    with pytest.raises(psycopg2.OperationalError), left_over.cursor() as cursor:
        cursor.execute("select 1")
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(used)


def test_a_database_that_somebody_comes_back_to_is_not_kept(
    kept_databases: Callable[[str], KeptDatabase], postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(*_: object) -> None:
        raise psycopg2.errors.ObjectInUse

    kept_database = kept_databases(postgres_template)
    used = kept_database.take()
    with monkeypatch.context() as patch:
        patch.setattr(kept_database, "_renamed", in_use)
        kept_database.give_back(used)
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(used)
    fresh = kept_database.take()
    kept_database.give_back(fresh)
    assert fresh != used


def test_an_empty_database_has_no_tables(empty_database_url: str, settings_env: SettingsEnv) -> None:
    connect(settings_env(DATABASE_URL=empty_database_url))

    assert db.get_tables() == []
    drop_connection()


def test_each_engine_has_a_fixture_of_its_own(postgres_database: Any) -> None:
    assert is_postgres()
    assert fetch("show timezone") == [("UTC",)]


def test_the_embedded_engine_has_a_fixture_of_its_own(sqlite_database: Any) -> None:
    assert not is_postgres()
    assert fetch("pragma journal_mode") == [("wal",)]


def test_settings_follow_the_environment_of_the_test(settings_env: SettingsEnv, tmp_path: Path) -> None:
    settings_env(BAN_ESCALATION="5")

    assert get_settings().ban_escalation == 5
    assert get_settings().spool_dir == tmp_path / "spool"
    assert get_settings().embedded


def test_no_test_begins_in_the_last_minute_of_a_day() -> None:
    times = [datetime.fromisoformat(f"2026-12-31T{time}Z") for time in ("00:00:00", "23:58:59", "23:59:30", "23:59:59")]
    assert [round(until_midnight(at)) for at in times] == [0, 0, 30, 1]


def test_the_network_ends_at_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(UserWarning, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))
