"""A chat, and the desk where messages are run by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, open_room
from tests.worker.domains.desk import Desk


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env, LOCAL_TIMEZONE="Europe/Paris") as made:
        yield made


@pytest.fixture
def desk(room: Room, stub_broker: StubBroker) -> Desk:
    return Desk(stub_broker, room.clock)
