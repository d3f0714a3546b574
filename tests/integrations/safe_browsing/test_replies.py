"""Answers of any content: read, or refused as malformed; the key is in no log."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Malformed
from integrations.http import Reply
from integrations.safe_browsing import replies
from integrations.safe_browsing.wire import THREATS
from sandbox.server import Sandbox
from tests.integrations.safe_browsing.made import KEY, v5, web_risk
from tests.search import search

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.just("300s"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["fullHashes", "fullHash", "fullHashDetails", "threatType", "attributes", "cacheDuration", "threat"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def reply(body: bytes, content_type: str, value: Any = None) -> Reply:
    return Reply(200, {"Content-Type": content_type}, body, value, "r")


@search(1000)
@given(JSON)
def test_any_json_is_an_answer_of_a_hash_search_or_malformed(value: Any) -> None:
    try:
        found = replies.hashes(reply(orjson.dumps(value), "application/json"), ())
    except Malformed:
        return
    assert found.seconds >= 0


@search(1000)
@given(JSON)
def test_any_json_is_a_listing_or_malformed(value: Any) -> None:
    try:
        threats, until = replies.listing(reply(b"", "application/json", value), ())
    except Malformed:
        return
    assert set(threats) <= {*THREATS.values(), replies.EXTENDED}
    assert until is None or until.tzinfo


@search(500)
@given(st.binary(max_size=60), st.sampled_from(["", "text/html", "application/json", "application/x-protobuf; a=b"]))
def test_any_body_of_any_type_is_an_answer_or_malformed(body: bytes, content_type: str) -> None:
    try:
        found = replies.hashes(reply(body, content_type), ())
    except Malformed:
        return
    assert found.seconds >= 0


@pytest.mark.parametrize("service", ["gsb", "webrisk"])
def test_a_refused_key_is_logged_without_the_key(sandbox: Sandbox, service: str) -> None:
    sandbox.fault(service, {"type": "status", "status": 403, "body": f'{{"error":"key {KEY} is refused"}}'})
    provider = v5(sandbox) if service == "gsb" else web_risk(sandbox)
    with structlog.testing.capture_logs() as logs:
        found = provider.check(["a.test"])
    assert found["a.test"].reason == "unauthorized"
    [line] = [line for line in logs if line["event"] == "reputation_not_answered"]
    assert (line["reason"], line["provider"]) == ("unauthorized", provider.provider)
    assert KEY not in str(logs) + str(found)
