"""The whole circle over real sockets: asked each hour, answered by a checker, signed, believed, and what follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker
from falcon.testing import TestClient

from core.domains import safety
from models.database import fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import blocks, opened, sent, statuses, words
from tests.core.domains.yard import pipeline, roles
from tests.web.answering import post
from web.app import make_app
from web.serve import load_web, make_embedded_server
from worker import actor as actors
from worker.domains.blocking import block_active_tracking_domain
from worker.domains.safety import check_active_tracking_domains_via_gsc, dispatch_domain_safety_request


@pytest.fixture
def sandbox(
    database: Any, stub_broker: StubBroker, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    """A checker that calls the product's own web process back, and waits for its answer."""
    monkeypatch.setattr("sandbox.calls.SECONDS", 60.0)
    safety._checker.cache_clear()
    with Sandbox() as running:
        server = make_embedded_server(make_app(settings_env(SANDBOX_URL=running.url)), 0)
        server.start()
        running.world.target = f"http://127.0.0.1:{server.port}"
        running.edit("checker", "settings", delay_ms=0)
        try:
            yield running
        finally:
            server.stop()


def ask(broker: StubBroker) -> None:
    check_active_tracking_domains_via_gsc()
    for message in sent(broker, "dispatch_domain_safety_request"):
        dispatch_domain_safety_request(*message["args"])


def met(sandbox: Sandbox, enough: Callable[[list[dict[str, Any]]], bool]) -> list[list[int]]:
    """The statuses that each answer of the checker was met with, as soon as there are enough."""
    ends_at = time.monotonic() + 120
    while not enough(found := sandbox.control("GET", "state/checker")["answers"]) and time.monotonic() < ends_at:
        time.sleep(0.01)
    return [one["statuses"] for one in found]


def all_met(found: list[dict[str, Any]]) -> bool:
    return all(one["statuses"] for one in found)


def test_a_listed_domain_is_blocked_by_the_signed_answer_and_others_stay(
    sandbox: Sandbox, stub_broker: StubBroker
) -> None:
    pipeline("P", "listed.sandbox.test", "b.sandbox.test")
    pipeline("Q", "clean.sandbox.test", "d.sandbox.test")
    sandbox.host("listed.sandbox.test", listed=["SOCIAL_ENGINEERING"])
    ask(stub_broker)
    assert met(sandbox, all_met) == [[202], [202]]
    assert statuses() == {"clean.sandbox.test": ["safe"], "listed.sandbox.test": ["unsafe"]}
    [order] = blocks(stub_broker)
    assert (order["domain"], order["reason"]) == ("listed.sandbox.test", "GSC_UNSAFE")
    block_active_tracking_domain(**order)
    assert roles("P") == {"listed.sandbox.test": "blocked", "b.sandbox.test": "active"}
    assert roles("Q") == {"clean.sandbox.test": "active", "d.sandbox.test": "backup"}


def test_what_the_checker_spoils_is_refused_and_what_it_doubles_counts_once(
    sandbox: Sandbox, stub_broker: StubBroker
) -> None:
    pipeline("P", "listed.sandbox.test", "b.sandbox.test")
    sandbox.host("listed.sandbox.test", listed=["MALWARE"])
    sandbox.edit("checker", "settings", silent=True)
    ask(stub_broker)
    number = str(opened("listed.sandbox.test").id)
    told = {}
    for spoilt in ("signature", "skew", "kid", "nonce", "domain"):
        sandbox.edit("checker", number, spoilt=spoilt)
        told[spoilt] = met(sandbox, all_met)[-1]
    assert told == {"signature": [401], "skew": [401], "kid": [401], "nonce": [422], "domain": [422]}
    assert blocks(stub_broker) == []
    sandbox.edit("checker", number, copies=2)
    assert sorted(met(sandbox, all_met)[-2:]) == [[200], [202]]
    sandbox.edit("checker", number, verdict="safe")
    assert met(sandbox, all_met)[-1] == [409]
    assert len(blocks(stub_broker)) == 1


def test_the_web_process_of_production_can_have_messages_follow(
    sqlite_database: Any, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_env(SAFETY_CALLBACK_SECRETS="k1:first-secret-of-the-tests")
    monkeypatch.setattr(actors, "_current", [])
    monkeypatch.setattr("web.serve._prepare", lambda role: settings)
    app = load_web()
    pipeline("P", "a.example", "b.example")
    request = opened()
    body = words(request)
    assert post(TestClient(app), request.id, body).status_code == 202
    assert fetch("select queue from queue_message") == [("domain-switches",)]
