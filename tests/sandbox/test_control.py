"""The control plane, over HTTP as the tools use it."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.server import Refused, Sandbox
from tests.sandbox.clients import CAMPAIGN, ask, charge, click


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("faults", {"action": {"type": "drop"}}, "service"),
        ("faults", {"service": "adlaod", "action": {"type": "drop"}}, "service"),
        ("faults", {"service": "adload"}, "action"),
        ("faults", {"service": "adload", "action": {"type": "explode"}}, "action.type"),
        ("faults", {"service": "adload", "action": {"type": "status"}}, "action.status"),
        ("faults", {"service": "adload", "action": {"type": "status", "status": 99}}, "action.status"),
        ("faults", {"service": "adload", "action": {"type": "latency_ms", "ms": -1}}, "action.ms"),
        ("faults", {"service": "adload", "action": {"type": "drop", "now": True}}, "action.now"),
        ("faults", {"service": "adload", "action": {"type": "drop"}, "probability": 2}, "probability"),
        ("faults", {"service": "adload", "action": {"type": "drop"}, "after": -1}, "after"),
        ("faults", {"service": "adload", "action": {"type": "drop"}, "times": 0}, "times"),
        ("faults", {"service": "adload", "action": {"type": "drop"}, "match": {"path": "clicks"}}, "match.path"),
        ("faults", {"service": "adload", "action": {"type": "drop"}, "match": {"path": "/adload/x"}}, "match.path"),
        ("faults", {"service": "adload", "action": {"type": "drop"}, "when": "now"}, "when"),
        ("faults", [], "body"),
        ("seed", {"size": "xl"}, "size"),
        ("edit", {"service": "adload", "id": CAMPAIGN}, "set"),
        ("edit", {"service": "adload", "id": "", "set": {}}, "id"),
        ("edit", {"service": "adload", "id": CAMPAIGN, "set": {"budget": 1}}, "set.budget"),
        ("edit", {"service": "adload", "id": CAMPAIGN, "set": {"budget_micros": -1}}, "set.budget_micros"),
        ("edit", {"service": "adload", "id": "settings", "set": {"strict": "yes"}}, "set.strict"),
        ("clock", {}, "offset_seconds"),
    ],
)
def test_an_unusable_call_gets_400_and_the_name_of_the_field(
    sandbox: Sandbox, call: str, body: Any, field: str
) -> None:
    reply = ask(sandbox, "POST", f"/_sandbox/{call}", body)
    assert (reply.status, reply.json["field"]) == (400, field)
    assert reply.json["error"]


def test_a_body_that_is_no_json_gets_400(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", "/_sandbox/faults", b"{")
    assert (reply.status, reply.json["field"]) == (400, "body")


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("GET", "nothing"),
        ("PUT", "faults"),
        ("DELETE", "faults/f9"),
        ("GET", "adload/nothing"),
        ("GET", "nowhere/ledger"),
        ("POST", "adload/ledger"),
    ],
)
def test_an_unknown_call_gets_404(sandbox: Sandbox, method: str, call: str) -> None:
    assert ask(sandbox, method, f"/_sandbox/{call}").status == 404


def test_a_query_that_is_no_number_names_the_parameter(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/_sandbox/journal?since=yesterday").json["field"] == "since"


def test_reset_empties_state_rules_and_clock_but_not_the_journal(sandbox: Sandbox) -> None:
    charge(sandbox, click())
    sandbox.fault("adload", {"type": "drop"})
    sandbox.control("POST", "clock", {"offset_seconds": 60})
    assert ask(sandbox, "POST", "/_sandbox/reset").status == 204
    assert sandbox.ledger() == []
    assert sandbox.control("GET", "faults") == {"faults": []}
    assert sandbox.control("GET", "clock")["offset_seconds"] == 0
    assert len(sandbox.journal()) == 1


def test_reset_from_a_test_also_clears_the_journal(sandbox: Sandbox) -> None:
    charge(sandbox, click())
    sandbox.reset()
    assert sandbox.journal() == []


def test_a_seed_loads_the_same_objects_every_time(sandbox: Sandbox) -> None:
    with Sandbox(seed=9) as other:
        for each in (sandbox, other):
            assert each.control("POST", "seed", {"seed": 42, "size": "s"})["adload"] == {"campaigns": 3, "offers": 15}
        assert sandbox.control("GET", "state/adload") == other.control("GET", "state/adload")


def test_another_seed_loads_other_objects(sandbox: Sandbox) -> None:
    sandbox.control("POST", "seed", {"seed": 1})
    first = sandbox.control("GET", "state/adload")["campaigns"]
    sandbox.reset()
    sandbox.control("POST", "seed", {"seed": 2})
    assert first != sandbox.control("GET", "state/adload")["campaigns"]


def test_the_clock_can_be_shifted(sandbox: Sandbox) -> None:
    before = sandbox.control("GET", "clock")["now"]
    assert sandbox.control("POST", "clock", {"offset_seconds": 400 * 86_400})["now"][:4] > before[:4]


def test_the_state_of_an_unknown_service_is_refused_by_name(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="service"):
        sandbox.control("GET", "state/nowhere")
