"""A bench's stage: private servers, an empty database with the bench's network, and the settings that go with them."""

from __future__ import annotations

import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
_COMMON = {
    "LINK_KEYS": "1:" + bytes(range(32)).hex(),
    "FALLBACK_URL": "https://www.example.com/",
    "SETTLEMENT_CURRENCY": "USD",
    "TRUSTED_PROXIES": "127.0.0.1",
    "LOG_LEVEL": "WARNING",
    "ADLOAD_DRIVER": "local",
    "ADLOAD_URL": "",
}


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
class Ground(ABC):
    """What every run needs: a folder, settings, the network, and where visitors go."""

    folder: Path
    settings: Settings
    variables: dict[str, str]
    world: World
    redirect_port: int

    @property
    def redirect_url(self) -> str:
        """Where visitors go."""
        return f"http://127.0.0.1:{self.redirect_port}"

    @property
    def spool(self) -> Path:
        """Where clicks wait that nobody else took."""
        return Path(self.variables["SPOOL_DIR"])

    def system(self, name: str = "logs", **variables: str) -> System:
        """The product's commands in this environment."""
        return System(self.folder / name, self.variables | variables)

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on a connection of its own."""

    def outcomes(self) -> Outcomes:
        """What became of all clicks so far."""
        return Outcomes(*self.query(OUTCOMES)[0])


@dataclass
class Stage(Ground):
    """A run on PostgreSQL and RabbitMQ."""

    database: Postgres
    broker: Rabbit

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on a connection of its own."""
        with closing(psycopg2.connect(self.variables["DATABASE_URL"])) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


class EmbeddedStage(Ground):
    """A run of the whole product in one process, on SQLite."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on a connection of its own."""
        with closing(sqlite3.connect(self.variables["SQLITE_PATH"], timeout=10)) as connection:
            return list(connection.execute(sql).fetchall())


@dataclass(frozen=True, slots=True)
class Servers:
    """The two private servers; several stages may use them one after another."""

    database: Postgres
    broker: Rabbit


@contextmanager
def servers() -> Iterator[Servers]:
    """Start PostgreSQL and RabbitMQ for the caller."""
    with postgres() as database, rabbitmq(schedulers=1) as broker:
        yield Servers(database, broker)


@contextmanager
def stage(**variables: str) -> Iterator[Stage]:
    """Private servers with the bench's network in them; `variables` are further settings."""
    with servers() as kept, tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        yield staged(kept, Path(folder), **variables)


def staged(kept: Servers, folder: Path, **variables: str) -> Stage:
    """A fresh database and a fresh virtual host on servers that run already."""
    addresses = {"DATABASE_URL": kept.database.fresh_database(), "RABBITMQ_URL": kept.broker.fresh_vhost()}
    return Stage(*_ground(folder, addresses | variables), kept.database, kept.broker)


def embedded_stage(folder: Path, **variables: str) -> EmbeddedStage:
    """A fresh SQLite file; no server at all."""
    addresses = {"DATABASE_URL": "", "RABBITMQ_URL": "", "SQLITE_PATH": str(folder / "signalbox.sqlite3")}
    return EmbeddedStage(*_ground(folder, addresses | variables))


def _ground(folder: Path, variables: dict[str, str]) -> tuple[Path, Settings, dict[str, str], World, int]:
    port = free_ports(1)[0]
    own = {"PUBLIC_URL": f"http://127.0.0.1:{port}", "SPOOL_DIR": str(folder / "spool")}
    chosen = _COMMON | own | variables
    override(**chosen)
    settings = get_settings()
    return folder, settings, chosen, prepare(settings), port
