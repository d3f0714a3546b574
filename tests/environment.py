"""The environment of a test: the required variables only, and a connection to its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.settings import Settings, get_settings
from models import database as connections
from models.migrate import migrate

REQUIRED = {
    "LINK_KEYS": "1:" + bytes(range(32)).hex(),
    "FALLBACK_URL": "https://www.example.com/",
    "SETTLEMENT_CURRENCY": "USD",
}


class SettingsEnv:
    """Call it with variables to set them and read the settings anew: `settings_env(BAN_ESCALATION="5")`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, **variables: str) -> Settings:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return get_settings()


@contextmanager
def clean_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[SettingsEnv]:
    """An environment of the required variables only; files land in the folder."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    # nobody pulls the plug in a test, so no commit has to wait for the disk
    monkeypatch.setitem(connections._PRAGMAS, "synchronous", "off")
    # nor does a thread fail because another, which holds what it waits for, gets no processor for seconds
    monkeypatch.setitem(connections._PRAGMAS, "busy_timeout", 60_000)
    patient = connections._LIMITS.replace("lock_timeout=2000", "lock_timeout=14000")
    monkeypatch.setattr(connections, "_LIMITS", patient)
    for name in map(str.upper, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    paths = {"SQLITE_PATH": str(folder / "signalbox.sqlite3"), "SPOOL_DIR": str(folder / "spool")}
    for name, value in (REQUIRED | paths).items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    try:
        yield SettingsEnv(monkeypatch)
    finally:
        get_settings.cache_clear()


@contextmanager
def connected(settings_env: SettingsEnv, url: str) -> Iterator[None]:
    """The product's handle leads to this database."""
    connections.connect(settings_env(DATABASE_URL=url))
    connections.ensure_connection()
    try:
        yield
    finally:
        connections.drop_connection()


def migrate_all(url: str, folder: Path) -> None:
    """Apply all migrations to this database."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        clean_environment(monkeypatch, folder) as environment,
        connected(environment, url),
    ):
        migrate()
