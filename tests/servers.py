"""The servers of the tests, started when the first test asks, and what each test gets of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial

import pika
import psycopg2
import pytest

from bench.environment import Databases, Postgres, Rabbit, postgres, rabbitmq
from config.catalog import QUEUES
from models.partitions import TABLES
from tests.environment import migrate_all
from tests.kept_database import KeptDatabase

# servers to use instead of private ones; read before any test changes the environment
OUTSIDE_DATABASE = os.environ.get("DATABASE_URL")
OUTSIDE_BROKER = os.environ.get("RABBITMQ_URL")


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


@pytest.fixture
def migrated_postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated PostgreSQL database."""
    name = "any_day_template" if "any_day" in request.fixturenames else "postgres_template"
    template: str = request.getfixturevalue(name)
    if OUTSIDE_DATABASE:
        yield from _copy_of(template, request.getfixturevalue("databases"))
        return
    kept: KeptDatabase = request.getfixturevalue("kept_databases")(template)
    url = kept.take()
    yield url
    kept.give_back(url)


@pytest.fixture
def any_day() -> None:
    """Asks that the database take rows of every day, for tests that are not about its partitions."""


@pytest.fixture(scope="session")
def postgres_template(databases: Databases | Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a migrated database; the migrations cost far more than a copy of it."""
    url = databases.fresh_database()
    migrate_all(url, tmp_path_factory.mktemp("postgres_template"))
    yield url.rpartition("/")[2]
    _drop(url, databases)


@pytest.fixture(scope="session")
def any_day_template(databases: Databases | Postgres, postgres_template: str) -> Iterator[str]:
    """The same with a partition for rows of every day, named like that of a day which never comes."""
    url = databases.fresh_database(postgres_template)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"create table {table}_99991231 partition of {table} default")
    yield url.rpartition("/")[2]
    _drop(url, databases)


@pytest.fixture(scope="session")
def kept_databases(postgres_server: Postgres) -> Callable[[str], KeptDatabase]:
    """The database like this template that tests hand on to each other, empty."""
    return cache(partial(KeptDatabase, postgres_server))


def _copy_of(template: str, databases: Databases | Postgres) -> Iterator[str]:
    if isinstance(databases, Postgres):
        databases.revive()
    url = databases.fresh_database(template)
    yield url
    _drop(url, databases)


def _drop(url: str, databases: Databases | Postgres) -> None:
    if isinstance(databases, Postgres):
        databases.revive()
    databases.drop_database(url)


def _delete_queues(url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for queue in QUEUES:
            for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
                channel.queue_delete(name)
