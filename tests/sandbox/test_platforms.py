"""The sandbox's Voluum and Affise: careless clients are found out, and strangers come when they are called."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.server import Refused, Sandbox
from tests.sandbox.clients import Reply, ask

FORM = {"Content-Type": "application/x-www-form-urlencoded", "API-Key": "k"}


@pytest.fixture
def session(sandbox: Sandbox) -> dict[str, str]:
    """The header of a session with Voluum."""
    keys = {"accessId": "canary-id", "accessKey": "canary-key"}
    return {"cwauth-token": ask(sandbox, "POST", "/voluum/auth/access/session", keys).json["token"]}


def post(sandbox: Sandbox, offer_id: int = 101, **form: str) -> Reply:
    return ask(sandbox, "POST", f"/affise/3.0/admin/offer/{offer_id}", urlencode(form).encode(), headers=FORM)


def offer(sandbox: Sandbox, offer_id: int = 101) -> dict[str, Any]:
    found: dict[str, Any] = ask(sandbox, "GET", f"/affise/3.0/offer/{offer_id}", headers=FORM).json["offer"]
    return found


def test_the_same_seed_gives_the_same_campaigns_and_offers(sandbox: Sandbox) -> None:
    first = [sandbox.control("GET", f"state/{name}") for name in ("voluum", "affise")]
    with Sandbox(seed=1) as again, Sandbox(seed=2) as other:
        assert [again.control("GET", f"state/{name}") for name in ("voluum", "affise")] == first
        assert other.control("GET", "state/voluum") != first[0]
    assert sandbox.control("POST", "seed", {"size": "m"})["voluum"] == {"campaigns": 1000}


def test_a_client_that_writes_only_what_it_knows_loses_the_rest(sandbox: Sandbox, session: dict[str, str]) -> None:
    campaign_id = sandbox.control("GET", "state/voluum")["campaigns"][0]["id"]
    path = f"/voluum/campaign/{campaign_id}"
    known = {"name": "X", "preferredTrackingDomain": "c2.sandbox.test", "url": "https://mine.example.test/"}
    assert ask(sandbox, "PUT", path, known, headers=session).status == 200
    left = ask(sandbox, "GET", path, headers=session).json
    assert set(left) == {"id", "name", "preferredTrackingDomain", "url", "impressionUrl", "updatedTime"}
    assert left["url"].startswith("https://c2.sandbox.test/")


def test_a_client_that_writes_what_it_read_long_ago_wipes_a_stranger(sandbox: Sandbox, session: dict[str, str]) -> None:
    sandbox.edit("voluum", "0c9a", tags=["old"])
    sandbox.edit_later("voluum", "0c9a", "between_get_and_put", tags=["stranger"])
    raw = ask(sandbox, "GET", "/voluum/campaign/0c9a", headers=session).json
    assert ask(sandbox, "GET", "/voluum/campaign/0c9a", headers=session).json["tags"] == ["stranger"]
    ask(sandbox, "PUT", "/voluum/campaign/0c9a", raw, headers=session)
    assert ask(sandbox, "GET", "/voluum/campaign/0c9a", headers=session).json["tags"] == ["old"]


def test_every_write_moves_the_time_of_the_last_edit(sandbox: Sandbox) -> None:
    times = [sandbox.edit("voluum", "0c9a", tags=[str(number)])["updatedTime"] for number in range(5)]
    assert times == sorted(set(times))
    days = [sandbox.edit("affise", "101", title=str(number))["updated_at"] for number in range(5)]
    assert days == sorted(set(days))


def test_an_ended_session_is_not_alive_and_refused(sandbox: Sandbox, session: dict[str, str]) -> None:
    assert ask(sandbox, "GET", "/voluum/auth/session", headers=session).json == {"alive": True}
    sandbox.control("POST", "clock", {"offset_seconds": 20_000})
    assert ask(sandbox, "GET", "/voluum/auth/session", headers=session).json == {"alive": False}
    refused = ask(sandbox, "GET", "/voluum/campaign", headers=session)
    assert (refused.status, refused.json["error"]["code"]) == (401, "SESSION_EXPIRED")


def test_the_key_of_a_login_is_not_in_the_journal(sandbox: Sandbox, session: dict[str, str]) -> None:
    [row] = sandbox.journal("voluum")
    assert "canary" not in row["body"]
    assert row["body"].count("[secret]") == 2


def test_a_client_that_sends_landings_or_tiers_wipes_them(sandbox: Sandbox) -> None:
    assert offer(sandbox)["landings"]
    post(sandbox, 101, **{"url": "https://a.example.test/", "landings[0][url]": "https://b.example.test/"})
    assert offer(sandbox)["landings"] == []
    post(sandbox, commission_tiers="")
    assert offer(sandbox)["commission_tiers"] == []


def test_a_client_that_sends_an_empty_status_stops_the_offer(sandbox: Sandbox) -> None:
    assert offer(sandbox)["status"] == "active"
    post(sandbox, status="")
    assert offer(sandbox)["status"] == "stopped"


def test_a_client_that_asks_for_letters_is_found_out(sandbox: Sandbox) -> None:
    post(sandbox, url="https://a.example.test/", send_emails="1")
    assert sandbox.control("GET", "state/affise")["emails"] == 1
    assert "send_emails" not in offer(sandbox)


def test_an_edit_that_is_no_form_changes_nothing(sandbox: Sandbox) -> None:
    before = offer(sandbox)
    headers = FORM | {"Content-Type": "application/json"}
    assert ask(sandbox, "POST", "/affise/3.0/admin/offer/101", b'{"url":"x"}', headers=headers).status == 400
    assert offer(sandbox) == before


def test_a_client_that_does_not_sort_sees_an_edited_offer_jump_to_the_first_page(sandbox: Sandbox) -> None:
    sandbox.edit("affise", "300", title="edited")
    page = ask(sandbox, "GET", "/affise/3.0/offers?limit=10", headers=FORM).json
    assert page["offers"][0]["id"] == 300
    assert page["pagination"] == {"per_page": 10, "total_count": 250, "page": 1, "next_page": 2}
    last = ask(sandbox, "GET", "/affise/3.0/offers?limit=100&page=3", headers=FORM).json
    assert "next_page" not in last["pagination"]


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ({"service": "mail", "id": "settings", "set": {}, "when": "between_get_and_put"}, "when"),
        ({"service": "voluum", "id": "x", "set": {}, "when": "later"}, "when"),
        ({"service": "voluum", "id": "settings", "set": {"per_second": 0}}, "set.per_second"),
        ({"service": "affise", "id": "x", "set": {}}, "id"),
        ({"service": "affise", "id": "settings", "set": {"nothing": 1}}, "set.nothing"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_with_the_field(sandbox: Sandbox, edit: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused, match=f'"field":"{field}"'):
        sandbox.control("POST", "edit", edit)


@pytest.mark.parametrize(
    "path", ["/voluum/campaign/none", "/affise/3.0/offer/9", "/affise/3.0/admin/offer/101", "/affise/x"]
)
def test_what_does_not_exist_is_not_found(sandbox: Sandbox, session: dict[str, str], path: str) -> None:
    assert ask(sandbox, "GET", path, headers=session | FORM).status == 404
