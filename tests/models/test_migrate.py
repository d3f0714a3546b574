"""Schema changes: any number of processes at once, forward only, and never a file that was changed afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import ads, runtime
from models import database as connections
from models import migrate as migrations
from models.database import db, execute, fetch, is_postgres
from models.migrate import SchemaError, check_known, migrate, pending, require_current
from models.runtime import Row
from tests.conftest import REQUIRED, SettingsEnv

MIGRATOR = """
from config.settings import get_settings
from models.database import connect
from models.migrate import migrate
connect(get_settings())
print(*migrate())
"""
EXTRA = """
def up(migrator, db):
    db.execute_sql("create table later (id integer)")
"""


@pytest.fixture
def empty(settings_env: SettingsEnv, empty_database_url: str) -> Iterator[str]:
    """A connected database without tables."""
    connections.connect(settings_env(DATABASE_URL=empty_database_url))
    connections.ensure_connection()
    yield empty_database_url
    connections.drop_connection()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may change."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.DIRECTORY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "DIRECTORY", folder)
    return folder


def names() -> list[str]:
    return sorted(path.stem for path in migrations.DIRECTORY.glob("[0-9]*.py"))


def test_an_empty_database_gets_everything(empty: str) -> None:
    assert pending() == names()
    assert migrate() == names()
    assert pending() == []
    require_current()


def test_migrating_again_does_nothing(empty: str) -> None:
    migrate()
    assert migrate() == []


def test_two_migrators_at_once_apply_each_file_once(empty: str) -> None:
    environment = {**os.environ, **REQUIRED, "DATABASE_URL": empty}
    command = [sys.executable, "-c", MIGRATOR]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate(timeout=180)[0].decode().split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(answers) == [[], names()]


def test_a_pending_migration_is_named_with_the_remedy(empty: str) -> None:
    with pytest.raises(SchemaError, match="signalbox migrate"):
        require_current()


def test_a_file_changed_after_it_was_applied_is_refused(empty: str, files: Path) -> None:
    migrate()
    first = files / f"{names()[0]}.py"
    first.write_text(first.read_text() + "\n# a later thought\n")
    with pytest.raises(SchemaError, match=r"0001_\w+ was changed"):
        migrate()


def test_a_database_of_a_newer_version_is_refused(empty: str, files: Path) -> None:
    (files / "9999_later.py").write_text(EXTRA)
    migrate()
    (files / "9999_later.py").unlink()
    for check in (check_known, require_current, migrate):
        with pytest.raises(SchemaError, match="9999_later"):
            check()


def test_a_failing_migration_leaves_nothing_behind_and_can_be_repeated(empty: str, files: Path) -> None:
    later = files / "9999_later.py"
    later.write_text(EXTRA + "    raise RuntimeError('half-way')\n")
    with pytest.raises(RuntimeError, match="half-way"):
        migrate()
    assert not db.table_exists("later")
    later.write_text(EXTRA)
    assert migrate() == ["9999_later"]


def test_a_digest_that_was_not_written_in_time_is_written_next_time(empty: str, files: Path) -> None:
    migrate()
    execute("delete from schema_file")
    migrate()
    assert sorted(name for (name,) in fetch("select name from schema_file")) == names()


def tables() -> list[Any]:
    models = [kind for module in (ads, runtime) for kind in vars(module).values()]
    return sorted(
        {kind for kind in models if isinstance(kind, type) and issubclass(kind, Row) and kind is not Row},
        key=lambda kind: str(kind._meta.table_name),
    )


@pytest.mark.parametrize("model", tables(), ids=lambda model: str(model.__name__))
def test_each_model_has_exactly_the_columns_of_its_table(database: Any, model: Any) -> None:
    table = model._meta.table_name
    if table == "queue_message" and is_postgres():
        assert not db.table_exists(table)
        return
    columns = {column.name for column in db.get_columns(table)}
    assert columns == set(model._meta.columns)
