"""Voluum over real sockets: each endpoint, each row of its error table, each way an answer gets lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from integrations.errors import Malformed, Rejected, Unauthorized
from integrations.voluum import Voluum
from sandbox.server import Sandbox
from tests.integrations.peer import SetClock
from tests.integrations.platforms.made import CAMPAIGN as ID
from tests.integrations.platforms.made import NEW, OLD, calls, campaigns, effects, put, voluum_at

WRITES = {"method": "PUT", "path": "/campaign/*"}
READS = {"method": "GET", "path": "/campaign*"}


def test_the_list_has_every_campaign_also_the_deleted_ones(sandbox: Sandbox, voluum: Voluum) -> None:
    listed = voluum.campaigns()
    assert len(listed) == 300
    assert 0 < sum(row["deleted"] for row in listed) < 30
    assert {row["id"]: row for row in listed} == campaigns(sandbox)


def test_one_login_serves_many_calls_and_all_threads(sandbox: Sandbox, voluum: Voluum) -> None:
    threads = [threading.Thread(target=voluum.campaigns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(calls(sandbox, "voluum")) == ["GET /campaign"] * 8 + ["POST /auth/access/session"]


def test_a_written_campaign_keeps_every_key_that_we_do_not_know(
    sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any]
) -> None:
    put(voluum, raw)
    after = voluum.campaign(ID)
    assert {name for name in raw.keys() | after.keys() if raw.get(name) != after.get(name)} == {
        "preferredTrackingDomain",
        "url",
        "impressionUrl",
        "updatedTime",
    }
    assert after["newInNextVersion"] == raw["newInNextVersion"]
    assert after["url"].startswith(f"https://{NEW}/")
    assert effects(sandbox, "voluum") == [{"campaign": ID, "domain": NEW}]


def test_an_id_from_outside_cannot_name_another_path(sandbox: Sandbox, voluum: Voluum) -> None:
    with pytest.raises(Rejected):
        voluum.campaign("../auth/session?x=1")
    assert sandbox.journal("voluum")[-1]["query"] == ""


def test_the_tracker_domains_are_listed(voluum: Voluum) -> None:
    assert OLD in voluum.tracker_domains()


@pytest.mark.parametrize(("calls_per_token", "logins"), [(1, 4), (2, 2), (3, 2)])
def test_a_token_that_expires_after_some_calls_costs_one_login_each_time(
    sandbox: Sandbox, voluum: Voluum, calls_per_token: int, logins: int
) -> None:
    sandbox.edit("voluum", "settings", calls_per_token=calls_per_token)
    for _ in range(4):
        assert len(voluum.campaigns()) == 300
    assert calls(sandbox, "voluum").count("POST /auth/access/session") == logins


def test_a_token_that_ends_in_the_middle_of_a_write_is_renewed_and_the_write_happens_once(
    sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any]
) -> None:
    sandbox.fault("voluum", {"type": "status", "status": 401}, match=WRITES, times=1)
    put(voluum, raw)
    assert effects(sandbox, "voluum") == [{"campaign": ID, "domain": NEW}]
    assert calls(sandbox, "voluum")[-3:] == [f"PUT /campaign/{ID}", "POST /auth/access/session", f"PUT /campaign/{ID}"]


def test_a_thread_that_is_refused_late_does_not_drop_the_session_of_another(voluum: Voluum) -> None:
    old = voluum._session.token()
    voluum._session.forget(old)
    fresh = voluum._session.token()
    voluum._session.forget(old)
    assert voluum._session.token() == fresh != old


def test_a_session_refused_again_after_a_fresh_login_is_unauthorized(sandbox: Sandbox, voluum: Voluum) -> None:
    sandbox.fault("voluum", {"type": "status", "status": 401}, match=READS)
    with pytest.raises(Unauthorized):
        voluum.campaigns()
    assert calls(sandbox, "voluum") == ["POST /auth/access/session", "GET /campaign"] * 2


def test_wrong_keys_are_unauthorized_after_one_login(sandbox: Sandbox, voluum: Voluum) -> None:
    sandbox.edit("voluum", "settings", access_key="another")
    with pytest.raises(Unauthorized) as caught:
        voluum.campaigns()
    assert caught.value.status == 401
    assert calls(sandbox, "voluum") == ["POST /auth/access/session"]


@pytest.mark.parametrize("status", [400, 403])
def test_a_login_that_is_refused_otherwise_is_unauthorized_too(sandbox: Sandbox, voluum: Voluum, status: int) -> None:
    sandbox.fault("voluum", {"type": "status", "status": status}, match={"path": "/auth/*"})
    with pytest.raises(Unauthorized):
        voluum.campaigns()


def test_the_session_is_renewed_five_minutes_before_its_end(sandbox: Sandbox) -> None:
    clock = SetClock()
    voluum = voluum_at(f"{sandbox.url}/voluum", clock=clock)
    voluum.campaigns()
    clock.seconds += 14_400 - 300 - 60
    voluum.campaigns()
    assert calls(sandbox, "voluum").count("POST /auth/access/session") == 1
    clock.seconds += 90
    voluum.campaigns()
    assert calls(sandbox, "voluum").count("POST /auth/access/session") == 2


@pytest.mark.parametrize("seconds", [30, 200])
def test_a_short_life_causes_no_storm_of_logins(sandbox: Sandbox, voluum: Voluum, seconds: int) -> None:
    sandbox.edit("voluum", "settings", token_seconds=seconds)
    sandbox.control("POST", "clock", {"offset_seconds": -7200})
    for _ in range(3):
        voluum.campaigns()
    assert calls(sandbox, "voluum").count("POST /auth/access/session") == 1


def test_the_probe_says_that_the_session_lives_and_renews_a_dead_one(sandbox: Sandbox, voluum: Voluum) -> None:
    assert voluum.probe() == "voluum: session alive"
    sandbox.edit("voluum", "token")
    assert voluum.probe() == "voluum: session alive"
    sandbox.edit("voluum", "settings", access_id="another")
    sandbox.edit("voluum", "token")
    with pytest.raises(Unauthorized):
        voluum.probe()


def test_a_list_may_be_longer_than_one_mebibyte_but_not_than_32(sandbox: Sandbox, voluum: Voluum) -> None:
    sandbox.control("POST", "seed", {"size": "m"})
    sandbox.edit("voluum", ID, note="x" * (2 << 20))
    assert len(voluum.campaigns()) == 1001
    with pytest.raises(Malformed):
        voluum.campaign(ID)
    sandbox.fault("voluum", {"type": "gzip_bomb", "mib": 64}, match=READS)
    with pytest.raises(Malformed):
        voluum.campaigns()


@pytest.mark.parametrize("body", ["{}", '{"token":""}', '{"token":7}', '{"token":"a\\nb"}', '{"token":"ä"}', "[]"])
def test_a_login_without_a_usable_token_is_malformed(sandbox: Sandbox, voluum: Voluum, body: str) -> None:
    sandbox.fault("voluum", {"type": "status", "status": 200, "body": body}, match={"path": "/auth/*"})
    with pytest.raises(Malformed):
        voluum.campaigns()


@pytest.mark.parametrize("stamp", ['"soon"', "7", "null", '"2026-11-20T16:00:00"'])
def test_a_token_whose_end_cannot_be_read_is_used_all_the_same(sandbox: Sandbox, voluum: Voluum, stamp: str) -> None:
    body = f'{{"token":"t1","expirationTimestamp":{stamp}}}'
    sandbox.fault("voluum", {"type": "status", "status": 200, "body": body}, match={"method": "POST"}, times=1)
    assert len(voluum.campaigns()) == 300
    assert calls(sandbox, "voluum").count("POST /auth/access/session") == 2


def test_without_keys_there_is_no_client_and_with_a_sandbox_there_is_one(settings_env: Any, sandbox: Sandbox) -> None:
    assert Voluum.from_settings(settings_env()) is None
    assert Voluum.from_settings(settings_env(VOLUUM_ACCESS_ID="a")) is None
    configured = Voluum.from_settings(settings_env(VOLUUM_ACCESS_ID="a", VOLUUM_ACCESS_KEY="b"))
    assert configured is not None
    assert (configured.url, configured.timeout) == ("https://api.voluum.com", (5.0, 30.0))
    played = Voluum.from_settings(settings_env(SANDBOX_URL=sandbox.url))
    assert played is not None
    assert played.probe() == "voluum: session alive"
