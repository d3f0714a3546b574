"""Charges and drivers as the tests need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from config.ids import new_id
from integrations.adload.http import HttpAdLoad
from integrations.adload.port import Charge
from integrations.adload.xmlrpc import XmlRpcAdLoad

CAMPAIGN = UUID("22222222-0000-4000-8000-000000000abc")
OFFER = UUID("11111111-0000-4000-8000-0000000000a1")
CLICKED_AT = datetime(2026, 11, 20, 12, 0, 1, 250_000, tzinfo=UTC)


def charge(**changes: Any) -> Charge:
    made = Charge(new_id(), OFFER, CAMPAIGN, CLICKED_AT, False, 10_000, None, "192.0.2.1")
    return replace(made, **changes)


def offer_ending(digits: str) -> UUID:
    """An offer that the sandbox treats in a special way."""
    return UUID(f"11111111-0000-4000-8000-00000000{digits}")


# more time than a loaded machine takes for any call, and so little that silence is noticed soon
PATIENT = {"seconds": 30.0, "batch_seconds": 30.0}
HASTY = {"seconds": 2.0, "batch_seconds": 2.0}


def http(url: str, **options: Any) -> HttpAdLoad:
    made = HttpAdLoad(url, "USD", **PATIENT | options)
    made.client.timeout = (30.0, made.client.timeout[1])
    return made


def xmlrpc(url: str, **options: Any) -> XmlRpcAdLoad:
    made = XmlRpcAdLoad(url, "USD", **PATIENT | options)
    made.client.timeout = (30.0, made.client.timeout[1])
    return made
