"""Databases, brokers and settings for tests: everything starts when the first test asks and is fresh for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker
from hypothesis import HealthCheck
from hypothesis import settings as search

from config.clock import now
from models import database as connections
from sandbox.server import Sandbox
from tests.environment import REQUIRED, SettingsEnv, clean_environment, connected, migrate_all
from tests.mailbox import Mailbox, mailbox
from worker import actor as actors
from worker.broker import load_actors

__all__ = ["ENGINES", "REQUIRED", "SettingsEnv"]
pytest_plugins = ["tests.servers"]
SERVER_MARKS = {
    "databases": "postgresql",
    "postgres_server": "postgresql",
    "migrated_postgres_url": "postgresql",
    "rabbitmq_server": "rabbitmq",
}
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

# a change must not be refused for what chance found elsewhere: the gate looks at the same examples each time, the
# proof at new ones; neither asks for a fast machine
PATIENT: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
search.register_profile("gate", derandomize=True, **PATIENT)
search.register_profile("proof", print_blob=True, **PATIENT)
search.load_profile("proof" if os.environ.get("PROOF") else "gate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the servers it needs, so that `make quick` can leave them out."""
    for item in items:
        for name in set(SERVER_MARKS) & set(getattr(item, "fixturenames", ())):
            item.add_marker(SERVER_MARKS[name])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no test in the last minute of a day, or part of what it does happens on the next one."""
    sleep(until_midnight(now()))


def until_midnight(at: datetime) -> float:
    """Seconds, and a moment, until the next day in UTC begins, if there are at most sixty; else 0."""
    left = 86_400.05 - at.timestamp() % 86_400
    return left if left <= 60 else 0.0


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SettingsEnv]:
    """An environment of the required variables only; files land in the test's folder."""
    with clean_environment(monkeypatch, tmp_path) as environment:
        yield environment


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/signalbox.sqlite3"


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database without tables, once on each engine."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database, once on each engine."""
    name = "migrated_sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def migrated_sqlite_url(sqlite_url: str, sqlite_template: Path) -> str:
    """A migrated SQLite file."""
    shutil.copyfile(sqlite_template, sqlite_url.removeprefix("sqlite:///"))
    return sqlite_url


@pytest.fixture
def database(settings_env: SettingsEnv, database_url: str) -> Iterator[Any]:
    """The product's handle, connected to a migrated database, once on each engine."""
    with connected(settings_env, database_url):
        yield connections.db


@pytest.fixture
def postgres_database(settings_env: SettingsEnv, migrated_postgres_url: str) -> Iterator[Any]:
    """The product's handle on PostgreSQL only, for what SQLite cannot do."""
    with connected(settings_env, migrated_postgres_url):
        yield connections.db


@pytest.fixture
def sqlite_database(settings_env: SettingsEnv, migrated_sqlite_url: str) -> Iterator[Any]:
    """The product's handle on SQLite only, for the embedded mode."""
    with connected(settings_env, migrated_sqlite_url):
        yield connections.db


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite_template") / "signalbox.sqlite3"
    migrate_all(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    """Everything outside, as after its start."""
    _sandbox.reset()
    return _sandbox


@pytest.fixture(scope="session")
def _mailbox() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


@pytest.fixture
def box(_mailbox: Mailbox) -> Mailbox:
    """A mail server that accepts, with nothing delivered yet."""
    _mailbox.reset()
    return _mailbox


@pytest.fixture
def stub_broker(monkeypatch: pytest.MonkeyPatch) -> StubBroker:
    """Every actor bound to a broker that only keeps what is sent, for tests that run tasks by hand."""
    load_actors()
    broker = StubBroker()
    monkeypatch.setattr(actors, "_current", [])
    actors.bind(broker)
    return broker
