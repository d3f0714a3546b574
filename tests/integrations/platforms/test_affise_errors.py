"""The error table of Affise over real sockets: statuses, refusals inside of a 200, lost answers, and no secret."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.affise import Affise
from integrations.errors import (
    Malformed,
    OutcomeUnknown,
    OutsideError,
    Rejected,
    Unauthorized,
    Unavailable,
)
from sandbox.server import Sandbox
from tests.integrations.platforms.made import API_KEY, LOST, MEANINGS, affise_at, offers

URL = "https://new.sandbox.test/?c={clickid}"
WRITES, READS = {"method": "POST"}, {"method": "GET"}


def edit(affise: Affise) -> None:
    affise.edit_offer(101, {"url": URL})


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [*MEANINGS, (401, Unauthorized, Unauthorized), (403, Unauthorized, Unauthorized)],
)
def test_a_status_means_what_the_table_says(
    sandbox: Sandbox, affise: Affise, status: int, reading: type, writing: type
) -> None:
    sandbox.fault("affise", {"type": "status", "status": status}, match=WRITES)
    with pytest.raises(OutsideError) as caught:
        edit(affise)
    assert type(caught.value) is writing
    affise = affise_at(f"{sandbox.url}/affise")
    sandbox.fault("affise", {"type": "status", "status": status}, match=READS)
    with pytest.raises(OutsideError) as caught:
        affise.offer(101)
    assert type(caught.value) is reading


@pytest.mark.parametrize(("setting", "status"), [("", 401), ("another", 403)])
def test_a_key_that_is_missing_or_wrong_is_unauthorized(sandbox: Sandbox, setting: str, status: int) -> None:
    sandbox.edit("affise", "settings", key="right")
    with pytest.raises(Unauthorized) as caught:
        Affise(f"{sandbox.url}/affise", setting).probe()
    assert caught.value.status == status
    assert Affise(f"{sandbox.url}/affise", "right").probe() == "affise: key accepted"


def test_the_key_travels_in_the_header_only(sandbox: Sandbox, affise: Affise) -> None:
    affise.offer(101)
    edit(affise)
    for row in sandbox.journal("affise"):
        assert row["headers"]["api-key"] == "[secret]"
        assert API_KEY not in str(row)


@pytest.mark.parametrize("field", ["message", "error"])
def test_a_refusal_inside_of_a_200_is_rejected_with_its_words(sandbox: Sandbox, affise: Affise, field: str) -> None:
    body = f'{{"status":2,"{field}":"Offer is locked"}}'
    sandbox.fault("affise", {"type": "status", "status": 200, "body": body})
    for call in (lambda: edit(affise), lambda: affise.offer(101), affise.probe):
        with pytest.raises(Rejected, match="Offer is locked") as caught:
            call()
        assert type(caught.value) is Rejected


def test_a_refusal_that_is_known_to_pass_is_tried_again(sandbox: Sandbox) -> None:
    affise = affise_at(f"{sandbox.url}/affise", transient_texts=("try again later",))
    sandbox.edit("affise", "settings", refusal="Busy: Try Again Later")
    with pytest.raises(OutcomeUnknown):
        edit(affise)
    sandbox.fault("affise", {"type": "status", "status": 200, "body": '{"status":2,"error":"try again later"}'})
    with pytest.raises(Unavailable):
        affise.offer(101)
    assert offers(sandbox)[101]["url"] != URL


@pytest.mark.parametrize("text", ["Token is necessary", "Auth Denied"])
def test_a_refused_key_inside_of_a_200_is_unauthorized(sandbox: Sandbox, affise: Affise, text: str) -> None:
    sandbox.edit("affise", "settings", refusal=text)
    with pytest.raises(Unauthorized):
        edit(affise)


@pytest.mark.parametrize("body", ["{}", "[]", "7", '{"status":"1"}', '{"status":3}', '{"status":null,"offer":{}}'])
def test_an_answer_without_a_status_says_nothing(sandbox: Sandbox, affise: Affise, body: str) -> None:
    sandbox.fault("affise", {"type": "status", "status": 200, "body": body})
    with pytest.raises(OutcomeUnknown):
        edit(affise)
    with pytest.raises(Malformed):
        affise.offer(101)


MORE_LOST: list[tuple[dict[str, Any], type, bool]] = [
    *LOST,
    ({"type": "status", "status": 502, "apply": True}, Unavailable, True),
    ({"type": "gzip_bomb", "mib": 64}, Malformed, False),
]


@pytest.mark.parametrize(("action", "reading", "applied"), MORE_LOST, ids=str)
def test_a_lost_answer_is_harmless_for_a_read_and_unknown_for_a_write(
    sandbox: Sandbox, action: dict[str, Any], reading: type, applied: bool
) -> None:
    # before its first byte nothing limits a call, for then it was not sent
    read, deadline = 1.0 if action["type"] == "hang" else 30.0, 2.0 if action["type"] == "trickle" else 30.0
    impatient = affise_at(f"{sandbox.url}/affise", timeout=(30.0, read), deadline=deadline)
    sandbox.fault("affise", action)
    with pytest.raises(OutsideError) as caught:
        edit(impatient)
    assert type(caught.value) is (Rejected if reading is Rejected else OutcomeUnknown)
    assert (offers(sandbox)[101]["url"] == URL) is applied
    with pytest.raises(OutsideError) as caught:
        impatient.offer(101)
    assert type(caught.value) is reading


@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_key_never_reaches_an_error(sandbox: Sandbox, affise: Affise, status: int) -> None:
    body = f'{{"status":2,"error":"no {API_KEY} here"}}'
    sandbox.fault("affise", {"type": "status", "status": status, "body": body})
    for call in (affise.probe, lambda: edit(affise), lambda: list(affise.offers())):
        with pytest.raises(OutsideError) as caught:
            call()
        assert API_KEY not in f"{caught.value!r} {vars(caught.value)} {caught.value.__context__!r}"
    assert API_KEY not in repr(affise)


def test_the_sandbox_is_a_tenant_of_its_own(settings_env: Any, sandbox: Sandbox) -> None:
    played = Affise.from_settings(settings_env(SANDBOX_URL=sandbox.url))
    assert played is not None
    assert played.probe() == "affise: key accepted"


def test_without_an_address_and_a_key_there_is_no_client(settings_env: Any) -> None:
    assert Affise.from_settings(settings_env()) is None
    assert Affise.from_settings(settings_env(AFFISE_API_KEY="k")) is None
    tenant = {"AFFISE_BASE_URL": "https://api-x.affise.com", "AFFISE_TRANSIENT_TEXTS": "try again; later ;"}
    configured = Affise.from_settings(settings_env(**tenant))
    assert configured is not None
    assert (configured.url, configured.transient_texts) == ("https://api-x.affise.com", ("try again", "later"))
