"""Databases, brokers and settings for tests: everything starts when the first test asks and is fresh for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
from dramatiq.brokers.stub import StubBroker
from hypothesis import settings as search

from bench.environment import Databases, Postgres, Rabbit, postgres, rabbitmq
from config.catalog import QUEUES
from config.settings import Settings, get_settings
from models import database as connections
from models.migrate import migrate
from tests.kept_database import KeptDatabase
from worker import actor as actors
from worker.broker import load_actors

# servers to use instead of private ones; read before any test changes the environment
OUTSIDE_DATABASE = os.environ.get("DATABASE_URL")
OUTSIDE_BROKER = os.environ.get("RABBITMQ_URL")
REQUIRED = {
    "LINK_KEYS": "1:" + bytes(range(32)).hex(),
    "FALLBACK_URL": "https://www.example.com/",
    "SETTLEMENT_CURRENCY": "USD",
}
SERVER_MARKS = {"databases": "postgresql", "postgres_server": "postgresql", "rabbitmq_server": "rabbitmq"}
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

# a change must not be refused for what chance found elsewhere: the gate looks at the same examples each time, the
# proof at new ones
search.register_profile("gate", derandomize=True, deadline=None)
search.register_profile("proof", print_blob=True, deadline=None)
search.load_profile("proof" if os.environ.get("PROOF") else "gate")


class SettingsEnv:
    """Call it with variables to set them and read the settings anew: `settings_env(BAN_ESCALATION="5")`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, **variables: str) -> Settings:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return get_settings()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the servers it needs, so that `make quick` can leave them out."""
    for item in items:
        for name in set(SERVER_MARKS) & set(getattr(item, "fixturenames", ())):
            item.add_marker(SERVER_MARKS[name])


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SettingsEnv]:
    """An environment of the required variables only; files land in the test's folder."""
    with _clean_environment(monkeypatch, tmp_path) as environment:
        yield environment


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The private PostgreSQL, for tests that stop, start or kill it."""
    if OUTSIDE_DATABASE:
        pytest.skip("needs a PostgreSQL of its own, but DATABASE_URL names one")
    with postgres(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[Rabbit]:
    """The private RabbitMQ, for tests that stop, start, kill or alarm it."""
    if OUTSIDE_BROKER:
        pytest.skip("needs a RabbitMQ of its own, but RABBITMQ_URL names one")
    with rabbitmq() as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases | Postgres:
    """Where PostgreSQL databases are made: the private server, or the one that DATABASE_URL names."""
    if OUTSIDE_DATABASE:
        return Databases(OUTSIDE_DATABASE)
    server: Postgres = request.getfixturevalue("postgres_server")
    return server


@pytest.fixture
def postgres_url(databases: Databases | Postgres) -> Iterator[str]:
    """An empty PostgreSQL database."""
    yield from _copy_of("template1", databases)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/signalbox.sqlite3"


@pytest.fixture
def rabbitmq_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker without queues: a virtual host of its own, or RABBITMQ_URL with the catalog's queues deleted."""
    if OUTSIDE_BROKER:
        _delete_queues(OUTSIDE_BROKER)
        yield OUTSIDE_BROKER
        return
    server: Rabbit = request.getfixturevalue("rabbitmq_server")
    server.revive()
    url = server.fresh_vhost()
    yield url
    server.revive()
    server.drop_vhost(url)


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
def migrated_postgres_url(request: pytest.FixtureRequest, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database."""
    if OUTSIDE_DATABASE:
        yield from _copy_of(postgres_template, request.getfixturevalue("databases"))
        return
    kept: KeptDatabase = request.getfixturevalue("kept_database")
    url = kept.take()
    yield url
    kept.give_back(url)


@pytest.fixture
def migrated_sqlite_url(sqlite_url: str, sqlite_template: Path) -> str:
    """A migrated SQLite file."""
    shutil.copyfile(sqlite_template, sqlite_url.removeprefix("sqlite:///"))
    return sqlite_url


@pytest.fixture
def database(settings_env: SettingsEnv, database_url: str) -> Iterator[Any]:
    """The product's handle, connected to a migrated database, once on each engine."""
    with _connected(settings_env, database_url):
        yield connections.db


@pytest.fixture
def postgres_database(settings_env: SettingsEnv, migrated_postgres_url: str) -> Iterator[Any]:
    """The product's handle on PostgreSQL only, for what SQLite cannot do."""
    with _connected(settings_env, migrated_postgres_url):
        yield connections.db


@pytest.fixture
def sqlite_database(settings_env: SettingsEnv, migrated_sqlite_url: str) -> Iterator[Any]:
    """The product's handle on SQLite only, for the embedded mode."""
    with _connected(settings_env, migrated_sqlite_url):
        yield connections.db


@pytest.fixture(scope="session")
def postgres_template(databases: Databases | Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a migrated database; the migrations cost far more than a copy of it."""
    url = databases.fresh_database()
    _migrate(url, tmp_path_factory.mktemp("postgres_template"))
    yield url.rpartition("/")[2]
    if isinstance(databases, Postgres):
        databases.revive()
    databases.drop_database(url)


@pytest.fixture(scope="session")
def kept_database(postgres_server: Postgres, postgres_template: str) -> KeptDatabase:
    """The migrated database of the private server that tests hand on to each other, empty."""
    return KeptDatabase(postgres_server, postgres_template)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite_template") / "signalbox.sqlite3"
    _migrate(f"sqlite:///{path}", path.parent)
    return path


@contextmanager
def _clean_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[SettingsEnv]:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name in map(str.upper, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    environment = SettingsEnv(monkeypatch)
    environment(**REQUIRED, SQLITE_PATH=str(folder / "signalbox.sqlite3"), SPOOL_DIR=str(folder / "spool"))
    try:
        yield environment
    finally:
        get_settings.cache_clear()


@contextmanager
def _connected(settings_env: SettingsEnv, url: str) -> Iterator[None]:
    connections.connect(settings_env(DATABASE_URL=url))
    connections.ensure_connection()
    try:
        yield
    finally:
        connections.drop_connection()


@pytest.fixture
def stub_broker(monkeypatch: pytest.MonkeyPatch) -> StubBroker:
    """Every actor bound to a broker that only keeps what is sent, for tests that run tasks by hand."""
    load_actors()
    broker = StubBroker()
    monkeypatch.setattr(actors, "_current", [])
    actors.bind(broker)
    return broker


def _migrate(url: str, folder: Path) -> None:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        _clean_environment(monkeypatch, folder) as environment,
        _connected(environment, url),
    ):
        migrate()


def _copy_of(template: str, databases: Databases | Postgres) -> Iterator[str]:
    if isinstance(databases, Postgres):
        databases.revive()
    url = databases.fresh_database(template)
    yield url
    if isinstance(databases, Postgres):
        databases.revive()
    databases.drop_database(url)


def _delete_queues(url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for queue in QUEUES:
            for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
                channel.queue_delete(name)
