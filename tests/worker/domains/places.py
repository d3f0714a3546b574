"""Where tests of areas happen: fixtures that the folders of the rules and of the workers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.worker.domains.campaigns import Stage, staged
from tests.worker.domains.duty import Duty, on_duty
from tests.worker.domains.field import watched
from tests.worker.domains.tenant import Tenant, opened

Open = Callable[..., AbstractContextManager[Any]]
Shift = Callable[[timedelta], None]


@pytest.fixture(autouse=True)
def patient_resolvers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that answers late, because this machine is slow, has answered all the same."""
    monkeypatch.setattr("integrations.dns.TRY_SECONDS", 20.0)
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 60.0)


@pytest.fixture
def open_tenant(
    _sandbox: Sandbox, stub_broker: StubBroker, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Open:
    """The tenant at Affise, on the database that is connected."""
    return partial(opened, _sandbox, stub_broker, settings_env, monkeypatch)


@pytest.fixture
def tenant(database: Any, open_tenant: Open) -> Iterator[Tenant]:
    with open_tenant() as made:
        yield made


@pytest.fixture
def open_stage(_sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    """The campaigns at Voluum, on the database that is connected."""
    return partial(staged, _sandbox, settings_env, monkeypatch, tmp_path)


@pytest.fixture
def stage(sqlite_database: Any, open_stage: Open) -> Iterator[Stage]:
    """On one engine: trouble of the line does not depend on it."""
    with open_stage() as made:
        yield made


@pytest.fixture
def go_on_duty(_sandbox: Sandbox, database: Any, stub_broker: StubBroker, settings_env: SettingsEnv) -> Open:
    """On either engine; takes settings."""
    return partial(on_duty, _sandbox, stub_broker, settings_env)


@pytest.fixture
def duty(go_on_duty: Open) -> Iterator[Duty]:
    with go_on_duty() as made:
        yield made


@pytest.fixture
def shift(
    database: Any, sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shift]:
    """What moves the time, with every source of checks at the sandbox."""
    with watched(sandbox, settings_env, monkeypatch, tmp_path) as moving:
        yield moving
