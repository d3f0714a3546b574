"""The error table of Voluum over real sockets: statuses, the odd limit, lost answers, and no secret in any of them."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.errors import Malformed, OutcomeUnknown, OutsideError, RateLimited, Rejected
from integrations.voluum import Voluum
from sandbox.server import Sandbox
from tests.integrations.platforms.made import (
    ACCESS_ID,
    ACCESS_KEY,
    LOST,
    MEANINGS,
    NEW,
    OLD,
    campaigns,
    effects,
    put,
    voluum_at,
)
from tests.integrations.platforms.made import CAMPAIGN as ID

LIMIT_TEXT = "NUMBER_OF_REQUEST_FOR_IP_EXCEEDED"
WRITES = {"method": "PUT", "path": "/campaign/*"}
READS = {"method": "GET", "path": "/campaign*"}


@pytest.mark.parametrize(("status", "reading", "writing"), [*MEANINGS, (403, Rejected, Rejected)])
def test_a_status_means_what_the_table_says(
    sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any], status: int, reading: type, writing: type
) -> None:
    sandbox.fault("voluum", {"type": "status", "status": status}, match=WRITES)
    with pytest.raises(OutsideError) as caught:
        put(voluum, raw)
    assert type(caught.value) is writing
    sandbox.fault("voluum", {"type": "status", "status": status}, match=READS)
    with pytest.raises(OutsideError) as caught:
        voluum.campaigns()
    assert type(caught.value) is reading


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 503])
@pytest.mark.parametrize("match", [READS, WRITES, {"path": "/auth/*"}])
def test_the_odd_text_about_too_many_requests_counts_at_any_status(
    sandbox: Sandbox, raw: dict[str, Any], status: int, match: dict[str, str]
) -> None:
    voluum = voluum_at(f"{sandbox.url}/voluum")
    sandbox.fault("voluum", {"type": "status", "status": status, "body": f'{{"x":"{LIMIT_TEXT}"}}'}, match=match)
    with pytest.raises(RateLimited) as caught:
        put(voluum, raw)
    assert caught.value.retry_after == 10
    assert effects(sandbox, "voluum") == []
    assert not voluum.client.breaker.is_open()


def test_more_calls_in_a_second_than_allowed_meet_the_limit_and_then_silence(sandbox: Sandbox, voluum: Voluum) -> None:
    voluum.tracker_domains()
    sandbox.edit("voluum", "settings", per_second=1)
    with pytest.raises(RateLimited):
        [voluum.tracker_domains() for _ in range(200)]
    before = len(sandbox.journal("voluum"))
    with pytest.raises(RateLimited) as caught:
        voluum.tracker_domains()
    assert not caught.value.sent
    assert len(sandbox.journal("voluum")) == before


def test_our_own_limiter_keeps_below_what_voluum_allows(sandbox: Sandbox) -> None:
    sandbox.edit("voluum", "settings", per_second=15)
    patient = voluum_at(f"{sandbox.url}/voluum", rate=5.0)
    for _ in range(18):
        patient.tracker_domains()
    assert [row["status"] for row in sandbox.journal("voluum")] == [200] * 19


def test_both_shapes_of_an_error_are_told_in_its_words(sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        voluum.campaign("unknown")
    assert (caught.value.code, caught.value.status) == ("ENTITY_NOT_FOUND", 404)
    taken = next(row["name"] for row in voluum.campaigns() if row["id"] != ID)
    with pytest.raises(Rejected) as caught:
        put(voluum, raw, name=taken)
    assert caught.value.detail == "namePostfix: Name must be unique"


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        "7",
        '{"error":7}',
        '{"error":{"messages":7}}',
        '{"errors":[7]}',
        '{"errors":{}}',
        '{"error":{"code":{}}}',
    ],
)
def test_an_error_of_neither_shape_is_told_all_the_same(sandbox: Sandbox, voluum: Voluum, body: str) -> None:
    sandbox.fault("voluum", {"type": "status", "status": 400, "body": body}, match=READS)
    with pytest.raises(Rejected) as caught:
        voluum.campaigns()
    assert len(str(caught.value)) < 200


def test_a_domain_that_is_not_in_the_account_is_rejected(sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="Domain does not exist"):
        put(voluum, raw, preferredTrackingDomain="foreign.sandbox.test")
    sandbox.edit("voluum", "settings", strict_domains=True)
    with pytest.raises(Rejected, match="preferredTrackingDomain"):
        put(voluum, raw, preferredTrackingDomain="c99.sandbox.test")
    assert campaigns(sandbox)[ID]["preferredTrackingDomain"] == OLD


@pytest.mark.parametrize(("action", "reading", "applied"), LOST, ids=str)
def test_a_lost_answer_is_harmless_for_a_read_and_unknown_for_a_write(
    sandbox: Sandbox, raw: dict[str, Any], action: dict[str, Any], reading: type, applied: bool
) -> None:
    # before its first byte nothing limits a call, for then it was not sent
    read, deadline = 1.0 if action["type"] == "hang" else 30.0, 2.0 if action["type"] == "trickle" else 30.0
    impatient = voluum_at(f"{sandbox.url}/voluum", timeout=(30.0, read), deadline=deadline)
    sandbox.fault("voluum", action, match=WRITES)
    with pytest.raises(OutsideError) as caught:
        put(impatient, raw)
    assert type(caught.value) is (Rejected if reading is Rejected else OutcomeUnknown)
    assert (campaigns(sandbox)[ID]["preferredTrackingDomain"] == NEW) is applied
    sandbox.fault("voluum", action, match=READS)
    with pytest.raises(OutsideError) as caught:
        impatient.campaigns()
    assert type(caught.value) is reading


@pytest.mark.parametrize("body", ["[]", '{"campaigns":{}}', '{"campaigns":[7]}', "{}", "null"])
def test_a_list_that_is_none_is_malformed(sandbox: Sandbox, voluum: Voluum, body: str) -> None:
    sandbox.fault("voluum", {"type": "status", "status": 200, "body": body}, match=READS)
    with pytest.raises(Malformed):
        voluum.campaigns()


@pytest.mark.parametrize("body", ["[]", "{}", '{"id":"another"}'])
def test_another_object_than_the_one_asked_for_is_malformed(sandbox: Sandbox, voluum: Voluum, body: str) -> None:
    sandbox.fault("voluum", {"type": "status", "status": 200, "body": body}, match=READS)
    with pytest.raises(Malformed):
        voluum.campaign(ID)


@pytest.mark.parametrize("body", [f"no {ACCESS_KEY} {ACCESS_ID} here", f'{{"error":{{"code":"{ACCESS_KEY}"}}}}'])
def test_keys_and_tokens_never_reach_an_error(sandbox: Sandbox, voluum: Voluum, body: str) -> None:
    voluum.campaigns()
    token = voluum._session.token()
    for match in (READS, {"path": "/auth/*"}):
        for status in (400, 500, 200):
            body_now = f"{body[:-1]} {token}"
            action = {"type": "status", "status": status, "body": body_now}
            rule = sandbox.fault("voluum", action, match=match, times=1)
            with pytest.raises(OutsideError) as caught:
                voluum_ask(voluum, sandbox)
            sandbox.control("DELETE", f"faults/{rule}")
            told = f"{caught.value!r} {caught.value} {vars(caught.value)} {getattr(caught.value, 'excerpt', '')}"
            assert not any(secret in told for secret in (ACCESS_KEY, ACCESS_ID, token))
    assert ACCESS_KEY not in repr(voluum)
    assert ACCESS_KEY not in str(sandbox.journal("voluum"))


def voluum_ask(voluum: Voluum, sandbox: Sandbox) -> None:
    """A login, when one is disturbed, and a list; whichever is disturbed raises."""
    voluum.campaigns()
    voluum._session.forget(voluum._session.token())
    voluum.campaigns()


def test_the_token_in_a_login_that_breaks_off_is_not_quoted(sandbox: Sandbox, voluum: Voluum) -> None:
    body = '{"token":"canary-token","x"'
    sandbox.fault("voluum", {"type": "status", "status": 200, "body": body}, match={"path": "/auth/*"})
    with pytest.raises(Malformed) as caught:
        voluum.campaigns()
    assert "canary-token" not in f"{caught.value!r} {caught.value.excerpt} {caught.value.__context__!r}"
