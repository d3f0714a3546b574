"""The look at the spares before a switch: all at once, in a second, and an answer that did not come is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from config.clock import monotonic
from core.domains import preflight
from models import pipelines
from models.database import fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.yard import domain, pipeline, ready

A, B, C = (f"{name}.sandbox.test" for name in "abc")


@pytest.fixture
def sandbox(_sandbox: Sandbox, sqlite_database: Any, settings_env: SettingsEnv) -> Sandbox:
    _sandbox.reset()
    settings_env(SANDBOX_URL=_sandbox.url, SAFE_BROWSING_PROVIDER="sandbox")
    return _sandbox


def verdicts(name: str) -> dict[str, str]:
    sql = "select source, verdict from domain_state where domain_id = %s and source in ('gsb', 'dns')"
    return dict(fetch(sql, (domain(name).id,)))


def test_spares_are_asked_about_side_by_side_in_one_request(sandbox: Sandbox) -> None:
    made = pipeline("P", A, B, C)
    sandbox.host(C, listed=["MALWARE"])
    preflight.prove(pipelines.line(made.id))
    assert (verdicts(B), verdicts(C)) == ({"gsb": "safe", "dns": "safe"}, {"gsb": "unsafe", "dns": "safe"})
    assert len(sandbox.journal("gsb")) == 1
    assert verdicts(A) == {}


def test_resolvers_that_keep_silent_cost_a_second_and_the_proof(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.dns.TRY_SECONDS", 60.0)
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 60.0)
    made = pipeline("P", A, B)
    ready(B)
    sandbox.host(B, dns="silent")
    began = monotonic()
    preflight.prove(pipelines.line(made.id))
    assert monotonic() - began < 30
    assert verdicts(B) == {"gsb": "safe", "dns": "unknown"}
    spare = pipelines.line(made.id).next
    assert spare is not None
    assert (spare.name, spare.faults) == (B, ("dns: not proven",))


def test_without_a_spare_nobody_is_asked(sandbox: Sandbox) -> None:
    preflight.prove(pipelines.line(pipeline("P", A).id))
    assert sandbox.journal("gsb") == []
