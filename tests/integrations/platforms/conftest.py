"""One sandbox for all tests of the platforms, fresh at the start of each, and clients that never wait."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.affise import Affise
from integrations.voluum import Voluum
from sandbox.server import Sandbox
from tests.integrations.platforms.made import CAMPAIGN, OLD, affise_at, voluum_at


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    _sandbox.reset()
    _sandbox.edit("voluum", "settings", per_second=100_000)
    return _sandbox


@pytest.fixture
def voluum(sandbox: Sandbox) -> Voluum:
    return voluum_at(f"{sandbox.url}/voluum")


@pytest.fixture
def affise(sandbox: Sandbox) -> Affise:
    return affise_at(f"{sandbox.url}/affise")


@pytest.fixture
def raw(sandbox: Sandbox, voluum: Voluum) -> dict[str, Any]:
    """A campaign on the old domain, as it was read, with only that read in the journal."""
    sandbox.edit("voluum", CAMPAIGN, preferredTrackingDomain=OLD)
    read = voluum.campaign(CAMPAIGN)
    sandbox.control("DELETE", "journal")
    return read
