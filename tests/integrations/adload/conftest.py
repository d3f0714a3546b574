"""One sandbox for all tests of the AdLoad drivers, empty at the start of each."""

from __future__ import annotations

from uuid import UUID

import pytest

from sandbox.server import Sandbox
from tests.integrations.adload.made import CAMPAIGN


@pytest.fixture
def campaign(sandbox: Sandbox) -> UUID:
    """A campaign with two active offers and one that is not."""
    offers = [
        {"id": "11111111-0000-4000-8000-0000000000a1", "title": "One"},
        {"id": "11111111-0000-4000-8000-0000000000a2", "title": "Two"},
        {"id": "11111111-0000-4000-8000-0000000000a3", "title": "Off", "active": False},
    ]
    sandbox.edit("adload", str(CAMPAIGN), title="Shoes", offers=offers)
    return CAMPAIGN
