"""The servers that tests, benches and chaos runs use: private ones, started for the caller and ended with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from bench.servers.databases import Databases
from bench.servers.kept import ServerFailed
from bench.servers.postgres import Postgres
from bench.servers.rabbit import Rabbit

__all__ = ["Databases", "Postgres", "Rabbit", "ServerFailed", "postgres", "rabbitmq"]


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[Postgres]:
    """A running PostgreSQL, with fsync on if durable; raises ServerFailed when it is missing or does not come up."""
    with closing(Postgres(durable=durable)) as server:
        yield server


@contextmanager
def rabbitmq(*, schedulers: int = 1, disk_free_limit: str = "256MB") -> Iterator[Rabbit]:
    """A running RabbitMQ; `schedulers` is the number of cores its virtual machine uses."""
    with closing(Rabbit(schedulers=schedulers, disk_free_limit=disk_free_limit)) as server:
        yield server
