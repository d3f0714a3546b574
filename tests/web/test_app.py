"""The first page and the health pages of the web process."""

from __future__ import annotations

from typing import Any

import pytest
from falcon.testing import TestClient
from peewee import OperationalError

from config.settings import get_settings
from tests.conftest import SettingsEnv
from web import app as module
from web.app import make_app


def test_the_process_is_healthy_without_a_database(settings_env: SettingsEnv) -> None:
    assert TestClient(make_app(settings_env())).simulate_get("/healthz").status_code == 200


def test_it_is_ready_when_the_database_answers(database: Any) -> None:
    assert TestClient(make_app(get_settings())).simulate_get("/readyz").status_code == 200


def test_it_is_not_ready_when_the_database_does_not(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise OperationalError("down")

    monkeypatch.setattr(module, "fetch", down)
    assert TestClient(make_app(get_settings())).simulate_get("/readyz").status_code == 503


def test_the_first_page_says_what_runs_here(settings_env: SettingsEnv) -> None:
    page = TestClient(make_app(settings_env())).simulate_get("/").json
    assert (page["product"], page["mode"]) == ("signalbox", "embedded")
