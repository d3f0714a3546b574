"""A chat, the desk where messages are run by hand, and a tenant at Affise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, open_room
from tests.worker.domains.desk import Desk
from tests.worker.domains.tenant import Tenant, opened


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env, LOCAL_TIMEZONE="Europe/Paris") as made:
        yield made


@pytest.fixture
def desk(room: Room, stub_broker: StubBroker) -> Desk:
    return Desk(stub_broker, room.clock)


@pytest.fixture
def tenant(
    _sandbox: Sandbox,
    database: Any,
    stub_broker: StubBroker,
    settings_env: SettingsEnv,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Tenant]:
    with opened(_sandbox, stub_broker, settings_env, monkeypatch) as made:
        yield made
