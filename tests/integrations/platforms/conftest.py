"""One sandbox for all tests of the platforms, fresh at the start of each, and clients that never wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.affise import Affise
from integrations.voluum import Voluum
from sandbox.server import Sandbox
from tests.integrations.platforms.made import CAMPAIGN, OLD, affise_at, voluum_at


@pytest.fixture(scope="session")
def _platforms() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(_platforms: Sandbox) -> Sandbox:
    _platforms.reset()
    _platforms.edit("voluum", "settings", per_second=100_000)
    return _platforms


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
