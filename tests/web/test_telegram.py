"""What Telegram delivers over HTTP: only with the secret, each update once, and not at all while it is asked for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from falcon.testing import Result, TestClient
from peewee import OperationalError

from config.settings import get_settings
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT
from tests.worker.bot_room import ANNA, SECRET, Desk, audited, desk, sandbox, unsafe
from web.app import make_app
from web.telegram import HEADER, LARGEST_BODY

__all__ = ["desk", "sandbox"]
MODE = {
    "TELEGRAM_MODE": "webhook",
    "TELEGRAM_WEBHOOK_SECRET": SECRET,
    "TELEGRAM_WEBHOOK_URL": "https://signalbox.example/telegram",
}


@pytest.fixture
def client(desk: Desk, settings_env: SettingsEnv) -> TestClient:
    return TestClient(make_app(settings_env(**MODE)))


def deliver(client: TestClient, update: Any, secret: str | None = SECRET) -> Result:
    headers = {HEADER: secret} if secret is not None else {}
    return client.simulate_post("/telegram", body=orjson.dumps(update), headers=headers)


def test_a_press_is_handled_once_however_often_it_is_delivered(client: TestClient, desk: Desk) -> None:
    unsafe(desk)
    update = {"update_id": 9, "callback_query": desk.pressed("Ack")}
    assert [deliver(client, update).status_code for _ in range(3)] == [200, 200, 200]
    assert desk.toast().endswith("is yours")
    assert len(desk.answers()) == len(audited("alert.ack")) == 1


def test_a_command_is_answered(client: TestClient, desk: Desk) -> None:
    said = desk.message(ANNA, CHAT) | {"text": "/whoami"}
    assert deliver(client, {"update_id": 9, "message": said}).json == {"ok": True}
    assert "anna" in desk.texts()[-1]


def test_without_the_secret_nothing_is_read(client: TestClient, desk: Desk) -> None:
    said = desk.message(ANNA, CHAT) | {"text": "/hold"}
    for secret in (None, "", "wrong", SECRET[:-1], "é" * 40):
        assert deliver(client, {"update_id": 9, "message": said}, secret).status_code == 401
    assert desk.calls() == []


def test_switched_off_no_update_is_taken(desk: Desk, settings_env: SettingsEnv) -> None:
    unsafe(desk)
    update = {"update_id": 9, "callback_query": desk.pressed("Ack")}
    closed = TestClient(make_app(settings_env(**MODE, TELEGRAM_ENABLED="false")))
    assert deliver(closed, update).status_code == 404
    assert audited("alert.ack") == []


def test_what_is_no_update_is_refused_or_passed_over(client: TestClient) -> None:
    headers = {HEADER: SECRET}
    assert client.simulate_post("/telegram", body=b"{", headers=headers).status_code == 400
    assert client.simulate_post("/telegram", body=b"x" * (LARGEST_BODY + 1), headers=headers).status_code == 413
    assert deliver(client, [1]).status_code == 200


def test_while_updates_are_asked_for_none_are_taken(desk: Desk) -> None:
    client = TestClient(make_app(get_settings()))
    assert deliver(client, {"update_id": 9}).status_code == 404


def test_what_could_not_be_stored_is_asked_for_again(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> bool:
        raise OperationalError("the server closed the connection")

    said = desk.message(ANNA, CHAT) | {"text": "/whoami"}
    with monkeypatch.context() as outage:
        outage.setattr("models.bot_updates.take", gone)
        answer = deliver(client, {"update_id": 9, "message": said})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert deliver(client, {"update_id": 9, "message": said}).status_code == 200
    assert "anna" in desk.texts()[-1]
