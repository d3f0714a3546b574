"""The checker that is built in: only reputation decides, Search Console gives hints, an outage costs hints only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dramatiq.brokers.stub import StubBroker

from core.domains import blocking, reputation, safety_check
from core.domains.blocking import Call, Wait
from models.database import fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import answers, blocks, incidents, opened, statuses
from tests.core.domains.yard import pipeline
from worker.domains import safety as tasks
from worker.domains.safety import dispatch_domain_safety_request

DOMAIN = "go.sandbox.test"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def sandbox(
    _sandbox: Sandbox, key: RSAPrivateKey, sqlite_database: Any, stub_broker: StubBroker, settings_env: SettingsEnv
) -> Iterator[Sandbox]:
    """A provider of reputation and Search Console; no checker outside."""
    _sandbox.reset()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    _sandbox.edit("gsc", "settings", public_key=pem)
    settings_env(
        SAFE_BROWSING_PROVIDER="sandbox", SAFE_BROWSING_URL=f"{_sandbox.url}/gsb/v5",
        CANARY_LISTED_URL="http://malware.canary.sandbox.test/", CANARY_CLEAN_URL="https://clean.canary.sandbox.test/",
        GSC_SERVICE_ACCOUNT=account(key), GSC_BASE_URL=f"{_sandbox.url}/gsc", GSC_TOKEN_URL=f"{_sandbox.url}/gsc/token",
    )  # fmt: skip
    pipeline("P", DOMAIN, "b.sandbox.test")
    yield _sandbox
    safety_check._console.cache_clear()
    reputation._provider.cache_clear()


def account(key: RSAPrivateKey) -> str:
    """The key of a service account, as Google hands it out."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account", "client_email": "signalbox@project.iam.example", "private_key": private,
            "token_uri": "https://oauth2.googleapis.com/token", "private_key_id": "1", "project_id": "project",
        }
    )  # fmt: skip


def ask(domain: str = DOMAIN) -> dict[str, dict[str, Any]]:
    """Have the request answered; the pieces of evidence by kind."""
    request_id = str(opened(domain).id)
    dispatch_domain_safety_request(request_id)
    dispatch_domain_safety_request(request_id)
    ((evidence,),) = fetch("select evidence from domain_safety_request where id = %s", (request_id,))
    pieces = json.loads(evidence) if isinstance(evidence, str) else evidence
    return {piece["kind"]: piece for piece in pieces}


def test_a_clean_domain_is_safe_with_all_that_was_found_out(sandbox: Sandbox, stub_broker: StubBroker) -> None:
    pieces = ask()
    assert statuses() == {DOMAIN: ["safe"]}
    assert pieces["property"] == {"kind": "property", "site": "sc-domain:sandbox.test", "ours": True, "lost": False}
    assert pieces["url_inspection"]["verdict"] == "NEUTRAL"
    assert pieces["reputation"]["verdict"] == "safe"
    assert (answers(), blocks(stub_broker)) == ([], [])
    assert [row["path"] for row in sandbox.journal("gsc")] == [
        "/gsc/token", "/gsc/webmasters/v3/sites", "/gsc/v1/urlInspection/index:inspect",
    ]  # fmt: skip


def test_a_listing_orders_a_block_that_has_to_be_confirmed_like_any_other(
    sandbox: Sandbox, stub_broker: StubBroker
) -> None:
    sandbox.host(DOMAIN, listed=["SOCIAL_ENGINEERING"])
    ask()
    assert statuses() == {DOMAIN: ["unsafe"]}
    assert [(source, verdict) for source, verdict, _ in answers()] == [("gsb", "unsafe")]
    [order] = blocks(stub_broker)
    assert (order["domain"], order["reason"]) == (DOMAIN, "GSC_UNSAFE")
    judged = blocking.judge(Call(**order))
    assert isinstance(judged.decision, Wait)
    assert judged.decision.why == "confirm"


def test_the_index_alone_makes_nothing_safe_nor_unsafe(sandbox: Sandbox, stub_broker: StubBroker) -> None:
    sandbox.fault("gsb", {"type": "status", "status": 503})
    assert ask()["url_inspection"]["verdict"] == "NEUTRAL"
    assert statuses() == {DOMAIN: ["unknown"]}
    assert (answers(), blocks(stub_broker)) == ([], [])


def test_without_a_key_reputation_answers_alone(sandbox: Sandbox, settings_env: SettingsEnv) -> None:
    settings_env(GSC_SERVICE_ACCOUNT="")
    assert ask().keys() == {"reputation"}
    assert (statuses(), sandbox.journal("gsc")) == ({DOMAIN: ["safe"]}, [])


def test_a_property_that_was_ours_and_is_no_more_is_told_until_it_is_ours_again(sandbox: Sandbox) -> None:
    own = {f"https://{DOMAIN}/": "SITE_OWNER"}
    story = [({}, []), (own, []), ({}, [(DOMAIN, 1, True)]), ({}, [(DOMAIN, 2, True)]), (own, [(DOMAIN, 2, False)])]
    with time_machine.travel(datetime(2026, 11, 21, tzinfo=UTC), tick=False) as clock:
        for sites, told in story:
            sandbox.edit("gsc", "settings", sites=sites)
            safety_check._console.cache_clear()
            ask()
            assert incidents(tasks.LOST) == told
            clock.shift(timedelta(hours=1))


def test_trouble_at_search_console_costs_its_hints_and_nothing_else(sandbox: Sandbox) -> None:
    troubles: list[tuple[dict[str, Any], str, str]] = [
        ({"type": "status", "status": 403, "body": '{"reason":"quotaExceeded"}'}, "/v1/*", "url_inspection"),
        ({"type": "status", "status": 500}, "/v1/*", "url_inspection"),
        ({"type": "html"}, "/webmasters/*", "property"),
        ({"type": "drop"}, "/token", "property"),
    ]
    for number, (fault, path, kind) in enumerate(troubles):
        domain = f"t{number}.sandbox.test"
        pipeline(f"T{number}", domain)
        safety_check._console.cache_clear()
        rule = sandbox.fault("gsc", fault, match={"path": path})
        assert ask(domain)[kind]["problem"]
        assert statuses()[domain] == ["safe"]
        sandbox.control("DELETE", f"faults/{rule}")


def test_a_key_that_is_refused_is_told_once_until_it_is_taken(sandbox: Sandbox, settings_env: SettingsEnv) -> None:
    stranger = generate_private_key(public_exponent=65537, key_size=2048)
    settings_env(GSC_SERVICE_ACCOUNT=account(stranger))
    ask()
    assert (statuses(), incidents(tasks.KEY)) == ({DOMAIN: ["safe"]}, [("search-console", 1, True)])
