"""A person answers a request for an opinion on the command line."""

from __future__ import annotations

import pytest

from models.database import fetch
from tests.cli.conftest import Cli
from tests.core.domains.opinions import opened, statuses
from tests.core.domains.yard import pipeline


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
