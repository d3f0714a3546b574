"""The imitated Safe Browsing: formats by Accept, prefixes of exactly 4 bytes, caps, quota."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import Reply, ask

PROTOBUF = {"Accept": "application/x-protobuf"}
HIT = "0a260a20d51d47e8a9855264f13f2a0e879393a8edf06ed60e7c8a393c54e577e7762ca512020802120308ac02"
URLS_HIT = "0a1d0a1868747470733a2f2f676f2e73616e64626f782e746573742f120102120308ac02"


def search(sandbox: Sandbox, *prefixes: str, headers: dict[str, str] | None = None) -> Reply:
    query = "&".join(f"hashPrefixes={prefix}" for prefix in prefixes)
    return ask(sandbox, "GET", f"/gsb/v5/hashes:search?{query}", headers=headers)


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]["status"]


def test_the_published_answers_are_given_in_protobuf(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[300])
    sandbox.host("go.sandbox.test", listed=["SOCIAL_ENGINEERING"])
    reply = search(sandbox, "1R1H6A==", "AX65pQ==", headers=PROTOBUF)
    assert (reply.body.hex(), reply.headers["content-type"]) == (HIT, "application/x-protobuf")
    assert search(sandbox, "AX65pQ==", headers=PROTOBUF).body.hex() == "120308ac02"
    reply = ask(sandbox, "GET", "/gsb/v5/urls:search?urls=https%3A%2F%2Fgo.sandbox.test%2F", headers=PROTOBUF)
    assert reply.body.hex() == URLS_HIT


def test_the_same_answers_are_given_in_json_to_everybody_else(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[300])
    sandbox.host("go.sandbox.test", listed=["SOCIAL_ENGINEERING"])
    [found] = search(sandbox, "1R1H6A==").json["fullHashes"]
    assert found["fullHash"] == "1R1H6KmFUmTxPyoOh5OTqO3wbtYOfIo5PFTld+d2LKU="
    assert found["fullHashDetails"] == [{"threatType": "SOCIAL_ENGINEERING"}]
    assert search(sandbox, "AX65pQ==").json == {"cacheDuration": "300s"}
    reply = ask(
        sandbox, "GET", "/gsb/v5/urls:search?urls=https%3A%2F%2Fgo.sandbox.test%2F&urls=https%3A%2F%2Fa.test%2F"
    )
    assert reply.json["threats"] == [{"url": "https://go.sandbox.test/", "threatTypes": ["SOCIAL_ENGINEERING"]}]


@pytest.mark.parametrize("prefix", ["1R1H", "1R1H6KmF", "1R1H6KmFUmQ=", "1R1H6A", "!!!!", ""])
def test_a_prefix_of_another_length_is_refused(sandbox: Sandbox, prefix: str) -> None:
    assert error(search(sandbox, prefix)) == (400, "INVALID_ARGUMENT")


def test_a_bare_plus_sign_is_a_space_and_refused(sandbox: Sandbox) -> None:
    assert search(sandbox, "+R1H6A==").status == 400
    assert search(sandbox, "%2BR1H6A==").status == 200


def test_the_caps_are_a_thousand_prefixes_and_fifty_addresses(sandbox: Sandbox) -> None:
    assert search(sandbox, *["1R1H6A=="] * 1000).status == 200
    assert error(search(sandbox, *["1R1H6A=="] * 1001)) == (400, "INVALID_ARGUMENT")
    for number, status in ((50, 200), (51, 400)):
        query = "&".join(f"urls=http://d{each}.test/" for each in range(number))
        assert ask(sandbox, "GET", f"/gsb/v5/urls:search?{query}").status == status


@pytest.mark.parametrize(("method", "path"), [("POST", "/v5/hashes:search"), ("GET", "/v4/threatMatches:find")])
def test_another_call_is_not_found(sandbox: Sandbox, method: str, path: str) -> None:
    assert ask(sandbox, method, f"/gsb{path}").status == 404


def test_durations_take_turns(sandbox: Sandbox) -> None:
    durations = [search(sandbox, "1R1H6A==").json["cacheDuration"] for _ in range(4)]
    assert durations == ["300s", "120s", "600s", "300s"]


def test_a_quota_lasts_a_minute(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", quota=2)
    assert [search(sandbox, "1R1H6A==").status for _ in range(3)] == [200, 200, 429]
    sandbox.control("POST", "clock", {"offset_seconds": 61})
    assert search(sandbox, "1R1H6A==").status == 200


def test_a_wrong_key_is_refused_in_the_format_that_was_asked_for(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", key="right")
    reply = search(sandbox, "1R1H6A==", headers={"X-Goog-Api-Key": "wrong"})
    assert error(reply) == (400, "INVALID_ARGUMENT")
    assert reply.json["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert b"API_KEY_INVALID" in search(sandbox, "1R1H6A==", headers=PROTOBUF).body
    assert search(sandbox, "1R1H6A==", headers={"X-Goog-Api-Key": "right"}).status == 200


def test_a_disabled_api_is_forbidden(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", disabled=True)
    assert error(search(sandbox, "1R1H6A==")) == (403, "PERMISSION_DENIED")


def test_a_share_of_the_known_hosts_can_be_listed(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test")
    sandbox.edit("gsb", "settings", unsafe_percent=100)
    assert "fullHashes" in search(sandbox, "1R1H6A==").json
    sandbox.edit("gsb", "settings", unsafe_percent=0)
    assert "fullHashes" not in search(sandbox, "1R1H6A==").json


@pytest.mark.parametrize("changes", [{"unsafe_percent": 101}, {"quota": -1}, {"format": "xml"}, {"cache_seconds": []}])
def test_an_unusable_setting_names_the_field(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    reply = ask(sandbox, "POST", "/_sandbox/edit", {"service": "gsb", "id": "settings", "set": changes})
    assert (reply.status, reply.json["field"]) == (400, f"set.{next(iter(changes))}")


def test_a_reset_forgets_settings_and_hosts(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", disabled=True)
    sandbox.host("go.sandbox.test", listed=["MALWARE"])
    sandbox.reset()
    assert "fullHashes" not in search(sandbox, "1R1H6A==").json
    assert sandbox.control("GET", "state/gsb")["requests"] == 1


def test_an_unknown_object_or_list_gets_404(sandbox: Sandbox) -> None:
    edit = {"service": "gsb", "id": "other", "set": {}}
    assert ask(sandbox, "POST", "/_sandbox/edit", edit).status == 404
    assert ask(sandbox, "GET", "/_sandbox/gsb/list").status == 404
