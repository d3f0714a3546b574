"""What tests of safety answers share: noon, a request that waits, and the application that takes the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker
from falcon.testing import TestClient

from models.safety import Request
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import SECRETS, opened
from tests.core.domains.yard import pipeline
from web.app import make_app

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    """A clock that stands still."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def callbacks(
    noon: time_machine.Traveller, database: Any, stub_broker: StubBroker, settings_env: SettingsEnv
) -> TestClient:
    """The application, which knows two secrets."""
    return TestClient(make_app(settings_env(SAFETY_CALLBACK_SECRETS=SECRETS)))


@pytest.fixture
def asked(callbacks: TestClient) -> Request:
    """A request that waits for an answer."""
    pipeline("P", "a.example", "b.example")
    return opened()
