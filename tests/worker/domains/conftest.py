"""A chat, the desk where messages are run by hand, and the places that the tests of the rules know too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, open_room
from tests.worker.domains.desk import Desk
from tests.worker.domains.places import (
    duty,
    go_on_duty,
    open_stage,
    open_tenant,
    patient_resolvers,
    shift,
    stage,
    tenant,
)

__all__ = ["duty", "go_on_duty", "open_stage", "open_tenant", "patient_resolvers", "shift", "stage", "tenant"]


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env, LOCAL_TIMEZONE="Europe/Paris") as made:
        yield made


@pytest.fixture
def desk(room: Room, stub_broker: StubBroker) -> Desk:
    return Desk(stub_broker, room.clock)
