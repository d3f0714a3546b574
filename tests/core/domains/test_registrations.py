"""Registries are asked once a second, left alone when they ask for it, and nothing is made up when they are silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from config.settings import Settings
from core.domains import registrations
from integrations.rdap import RegistrationState
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv


def asked(sandbox: Sandbox) -> list[str]:
    return [row["path"].rpartition("/")[2] for row in sandbox.journal("rdap") if "/domain/" in row["path"]]


@pytest.fixture
def here(settings_env: SettingsEnv, sandbox: Sandbox) -> Settings:
    registrations._rdap.cache_clear()
    return settings_env(SANDBOX_URL=sandbox.url)


def test_a_second_domain_of_a_registry_waits_its_turn(sqlite_database: Any, sandbox: Sandbox, here: Settings) -> None:
    found = registrations.look(["one.test", "two.test", "one.test"], here, seconds=20)
    assert {name: one.state for name, one in found.items()} == dict.fromkeys(
        ("one.test", "two.test"), RegistrationState.REGISTERED
    )
    assert asked(sandbox) == ["one.test", "two.test"]


def test_a_domain_whose_turn_does_not_come_in_time_is_left_out(
    sqlite_database: Any, sandbox: Sandbox, here: Settings
) -> None:
    with time_machine.travel(now(), tick=False):
        assert list(registrations.look(["one.test"], here, seconds=20)) == ["one.test"]
        assert registrations.look(["two.test"], here, seconds=0) == {}


def test_a_registry_that_wants_to_be_left_alone_is_left_alone_by_every_process(
    database: Any, sandbox: Sandbox, here: Settings
) -> None:
    with time_machine.travel(now(), tick=False) as travel:
        assert registrations.look(["rdap429.test", "one.test"], here, seconds=20) == {}
        registrations._rdap.cache_clear()  # another process, which has not heard of it
        assert registrations.look(["one.test"], here, seconds=20) == {}
        assert asked(sandbox) == ["rdap429.test"]
        travel.shift(timedelta(seconds=121))
        assert list(registrations.look(["one.test"], here, seconds=20)) == ["one.test"]


def test_without_the_list_of_registries_nobody_is_asked(sqlite_database: Any, sandbox: Sandbox, here: Settings) -> None:
    sandbox.fault("rdap", {"type": "drop"})
    assert (registrations.look(["one.test"], here, seconds=20), asked(sandbox)) == ({}, [])


def test_switched_off_nobody_is_asked(
    sqlite_database: Any, sandbox: Sandbox, here: Settings, settings_env: SettingsEnv
) -> None:
    off = settings_env(RDAP_ENABLED="false")
    assert (registrations.look(["one.test"], off, seconds=20), sandbox.journal("rdap")) == ({}, [])
