"""The intake of impressions over HTTP."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import Any

import orjson
import pytest
from falcon.testing import Result, TestClient
from peewee import OperationalError

from config.clock import today
from config.ids import new_id
from core.ads import impressions
from models.database import fetch
from tests.conftest import SettingsEnv
from tests.web.rows import world
from web.app import make_app
from web.serve import make_embedded_server

TOKEN = "t" * 32 + "-server-1"
OTHER = "u" * 32 + "-server-2"


@pytest.fixture
def client(database: Any, settings_env: SettingsEnv) -> TestClient:
    return TestClient(make_app(settings_env(IMPRESSION_TOKENS=f"ad-1:{TOKEN},ad-2:{OTHER}")))


@pytest.fixture
def body(database: Any) -> dict[str, Any]:
    offer_id, informer_id = world()
    row = {"informer_id": informer_id, "offer_id": offer_id, "requested": 3, "seen": 2}
    return {"batch_id": str(new_id()), "day": str(today()), "impressions": [row]}


def post(client: TestClient, body: Any, token: str | None = TOKEN, **more: Any) -> Result:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.simulate_post("/impressions", body=orjson.dumps(body), headers=headers, **more)


def counted() -> list[tuple[Any, ...]]:
    return fetch("select requested, seen from impression_daily")


def test_a_batch_is_accepted_once_under_the_name_of_its_token(client: TestClient, body: dict[str, Any]) -> None:
    first, again = post(client, body), post(client, body)
    assert (first.status_code, first.json["accepted"]) == (200, True)
    assert (again.status_code, again.json["accepted"]) == (200, False)
    assert counted() == [(3, 2)]
    assert fetch("select server from impression_batch") == [("ad-1",)]


def test_a_known_id_with_other_content_is_a_conflict(client: TestClient, body: dict[str, Any]) -> None:
    post(client, body)
    answer = post(client, body, OTHER)
    assert (answer.status_code, answer.json["field"]) == (409, "batch_id")
    assert counted() == [(3, 2)]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", "ü"])
def test_without_a_known_token_nothing_is_taken(client: TestClient, body: dict[str, Any], token: str | None) -> None:
    assert post(client, body, token).status_code == 401
    assert counted() == []


def test_a_token_of_another_scheme_is_not_taken(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.simulate_post("/impressions", json=body, headers={"Authorization": f"Basic {TOKEN}"})
    assert answer.status_code == 401


def test_without_tokens_there_is_no_intake(settings_env: SettingsEnv) -> None:
    answer = post(TestClient(make_app(settings_env())), {})
    assert (answer.status_code, answer.json["fix"]) == (404, "set IMPRESSION_TOKENS")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"batch_id": "7"}, "batch_id"),
        ({"day": "yesterday"}, "day"),
        ({"day": "2020-01-01"}, "day"),
        ({"server": "ad-9"}, "server"),
        ({"impressions": [{"informer_id": 1, "offer_id": 1, "requested": 1, "seen": -1}]}, "impressions[0].seen"),
        ({"impressions": [{"informer_id": 999, "offer_id": 1, "requested": 1, "seen": 1}]}, "informer_id"),
    ],
)
def test_a_bad_batch_is_refused_with_field_and_fix(
    client: TestClient, body: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    answer = post(client, body | change)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert answer.json["fix"]
    assert counted() == []


def test_a_body_above_a_mebibyte_is_refused_unread(client: TestClient) -> None:
    assert post(client, {"day": "x" * 2**20}).status_code == 413


def test_a_body_of_unknown_length_is_refused(client: TestClient) -> None:
    answer = client.simulate_post("/impressions", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 411


def test_a_database_that_is_down_means_come_again_later(
    client: TestClient, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise OperationalError("down")

    with monkeypatch.context() as patch:
        patch.setattr(impressions, "take", down)
        answer = post(client, body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert post(client, body).json["accepted"] is True


def test_nothing_but_post_is_answered(client: TestClient) -> None:
    assert client.simulate_get("/impressions").status_code == 405


def test_a_batch_arrives_over_a_real_socket(
    sqlite_database: Any, settings_env: SettingsEnv, body: dict[str, Any]
) -> None:
    server = make_embedded_server(make_app(settings_env(IMPRESSION_TOKENS=f"ad-1:{TOKEN}")), 0)
    server.start()
    try:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/impressions", orjson.dumps(body), {"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        assert (answer.status, orjson.loads(answer.read())["accepted"]) == (200, True)
        connection.close()
    finally:
        server.stop()
