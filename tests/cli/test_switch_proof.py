"""A person who moves a pipeline by hand is not led to a spare that has gone bad since it was looked at last."""

from __future__ import annotations

from typing import Any

import pytest

from models.database import fetch
from sandbox.server import Sandbox
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.domains.yard import domain, pipeline, read, ready

A, B, C, LAST = "a.sandbox.test", "b.sandbox.test", "c.sandbox.test", "last.sandbox.test"
SWITCH = ("pipelines", "switch", "P", "--reason", "slow", "--no-wait")


@pytest.fixture
def sandbox(_sandbox: Sandbox, settings_env: SettingsEnv) -> Sandbox:
    _sandbox.reset()
    settings_env(SANDBOX_URL=_sandbox.url, SAFE_BROWSING_PROVIDER="sandbox")
    return _sandbox


def asked(name: str) -> dict[str, Any]:
    return dict(fetch("select source, live from domain_evidence where domain_id = %s", (domain(name).id,)))


def test_a_spare_that_was_good_until_now_is_passed_over(sandbox: Sandbox, embedded: Cli) -> None:
    pipeline("P", A, B, C)
    ready(B, C)
    sandbox.host(B, listed=["MALWARE"])
    assert (embedded(*SWITCH, "--yes"), read().active_domain) == (0, C)


def test_a_spare_that_was_named_is_looked_at_wherever_it_stands(sandbox: Sandbox, embedded: Cli) -> None:
    pipeline("P", A, *(f"s{number}.sandbox.test" for number in range(6)), LAST)
    ready(LAST)
    sandbox.host(LAST, listed=["MALWARE"])
    assert (embedded(*SWITCH, "--to", LAST.upper(), "--yes"), "known to be bad (gsb: bad)" in embedded.err) == (2, True)
    assert read().active_domain == A
    sandbox.host(LAST, listed=[])
    assert (embedded(*SWITCH, "--to", LAST, "--yes"), read().active_domain) == (0, LAST)


def test_a_dry_run_asks_nobody(sandbox: Sandbox, embedded: Cli) -> None:
    pipeline("P", A, B)
    assert embedded(*SWITCH, "--dry-run") == 0
    assert (asked(B), sandbox.journal("gsb")) == ({}, [])
