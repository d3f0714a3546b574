"""A bench's stage: private servers, an empty database with the bench's network, and the settings that go with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from bench.environment import Postgres, Rabbit, postgres, rabbitmq
from bench.servers.kept import free_ports
from bench.system import System
from bench.world import World, prepare
from config.settings import Settings, get_settings, override

OUTCOMES = """
select (select count(*) from click where state = 'done'), (select count(*) from click_rejected),
       (select count(*) from click_error where state in ('open', 'unknown')),
       (select count(*) from click where state = 'pending')
"""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many clicks ended how, by raw SQL: the product is never asked about itself."""

    counted: int
    rejected: int
    errors: int
    pending: int

    @property
    def decided(self) -> int:
        """Clicks that have ended."""
        return self.counted + self.rejected + self.errors


@dataclass
class Stage:
    """Everything a run needs."""

    folder: Path
    database: Postgres
    broker: Rabbit
    settings: Settings
    variables: dict[str, str]
    world: World
    redirect_port: int

    @property
    def redirect_url(self) -> str:
        """Where visitors go."""
        return f"http://127.0.0.1:{self.redirect_port}"

    def system(self, name: str = "logs", **variables: str) -> System:
        """The product's commands in this environment."""
        return System(self.folder / name, self.variables | variables)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on a connection of its own."""
        connection = psycopg2.connect(self.variables["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def outcomes(self) -> Outcomes:
        """What became of all clicks so far."""
        return Outcomes(*self.query(OUTCOMES)[0])


@contextmanager
def stage(**variables: str) -> Iterator[Stage]:
    """Private servers with the bench's network in them; `variables` are further settings."""
    with (
        postgres() as database,
        rabbitmq(schedulers=1) as broker,
        tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder,
    ):
        port = free_ports(1)[0]
        chosen = {
            "DATABASE_URL": database.fresh_database(), "RABBITMQ_URL": broker.fresh_vhost(),
            "LINK_KEYS": "1:" + bytes(range(32)).hex(), "FALLBACK_URL": "https://www.example.com/", "SETTLEMENT_CURRENCY": "USD",
            "TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": f"http://127.0.0.1:{port}", "SPOOL_DIR": f"{folder}/spool",
            "LOG_LEVEL": "WARNING", "REDIRECT_THREADS": "128", **variables,
        }  # fmt: skip
        override(**chosen)
        settings = get_settings()
        yield Stage(Path(folder), database, broker, settings, chosen, prepare(settings), port)
