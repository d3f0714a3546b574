"""The imitated Web Risk: one address per request, an empty object for a clean one."""

from __future__ import annotations

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import ask

KINDS = "threatTypes=MALWARE&threatTypes=SOCIAL_ENGINEERING"


def test_a_clean_address_is_an_empty_object(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", f"/webrisk/v1/uris:search?{KINDS}&uri=http://a.test/").json == {}


def test_a_hit_names_the_threats_that_were_asked_for_and_its_end_in_nanoseconds(sandbox: Sandbox) -> None:
    sandbox.host("a.test", listed=["MALWARE", "UNWANTED_SOFTWARE"])
    threat = ask(sandbox, "GET", f"/webrisk/v1/uris:search?{KINDS}&uri=http://a.test/any").json["threat"]
    assert threat["threatTypes"] == ["MALWARE"]
    assert len(threat["expireTime"]) == len("2026-11-20T12:05:00.123456789Z")


@pytest.mark.parametrize(
    "query",
    [
        KINDS,
        f"{KINDS}&uri=",
        f"{KINDS}&uri=http://a.test/&uri=http://b.test/",
        "uri=http://a.test/",
        "threatTypes=RUMOUR&uri=http://a.test/",
    ],
)
def test_a_query_without_one_address_and_known_threats_is_refused(sandbox: Sandbox, query: str) -> None:
    assert ask(sandbox, "GET", f"/webrisk/v1/uris:search?{query}").status == 400


def test_computing_differences_is_not_offered(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/webrisk/v1/threatLists:computeDiff").status == 404
