"""A person answers a request for an opinion on the command line."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from cli import doctor
from models.database import fetch
from sandbox.server import Sandbox
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import opened, statuses
from tests.core.domains.yard import pipeline
from tests.integrations.test_search_console import account


@pytest.fixture
def asked(embedded: Cli) -> Cli:
    pipeline("P", "a.example", "b.example")
    opened()
    return embedded


def test_unsafe_ends_the_request_and_orders_the_block(asked: Cli) -> None:
    found = asked.json("domains", "answer", "A.example", "unsafe", "--reason", "mail of 12:07")
    assert (found["schema"], found["domain"], found["block_ordered"]) == (
        "signalbox.domains.answer/1",
        "a.example",
        True,
    )
    assert statuses() == {"a.example": ["unsafe"]}
    assert fetch("select queue from queue_message") == [("domain-switches",)]


def test_safe_ends_the_request_and_orders_nothing(asked: Cli) -> None:
    assert asked("domains", "answer", "a.example", "safe", "--reason", "looked it up") == 0
    assert (statuses(), fetch("select queue from queue_message")) == ({"a.example": ["safe"]}, [])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("b.example", "safe", "--reason", "x"), "no request about b.example waits"),
        (("a.example", "perhaps", "--reason", "x"), "perhaps"),
        (("a.example", "safe", "--reason", " "), "reason: "),
        (("a b", "safe", "--reason", "x"), "domain: "),
    ],
)
def test_what_cannot_be_answered_is_refused_and_changes_nothing(asked: Cli, words: tuple[str, ...], text: str) -> None:
    assert (asked("domains", "answer", *words), text in asked.err) == (2, True)
    assert statuses() == {"a.example": ["pending"]}


def test_the_doctor_asks_search_console_when_it_has_a_key(asked: Cli, settings_env: SettingsEnv) -> None:
    with Sandbox() as sandbox:
        key = json.dumps(account(generate_private_key(public_exponent=65537, key_size=2048)))
        base = f"{sandbox.url}/gsc"
        settings_env(GSC_SERVICE_ACCOUNT=key, GSC_BASE_URL=base, GSC_TOKEN_URL=f"{base}/token")
        found = {item.area: (item.state, item.what) for item in doctor.examine(live=True)}
    assert found["gsc"] == ("ok", "search-console: 1 properties")
