"""AdLoad's JSON in any shape: a reply or a ValueError, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integrations.adload import answers
from integrations.adload.money import Settlement
from integrations.adload.port import ChargeStatus
from tests.integrations.adload.made import charge
from tests.search import search

CHARGE = charge()
names = st.sampled_from(
    ["results", "click_id", "status", "code", "cost_micros", "cost", "currency", "rate_id", "charge_id", "offers", "id"]
) | st.sampled_from(["title", "account", "manager", "allowed", "active", "totals", "campaign", "clicks", "rate"])
plain = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**19)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ok", "refused", "error", "USD", "EUR", str(CHARGE.click_id), "0.045"])
)
documents = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6), max_leaves=12
)


READERS = (answers.results, answers.campaign, answers.offers, answers.totals, answers.rate, answers.flag)


def outcome(reader: Callable[[Any], object], document: Any) -> str:
    try:
        reader(document)
    except ValueError:
        return "refused"
    return "read"


@given(documents)
@search(3000)
def test_any_document_is_read_or_refused(document: Any) -> None:
    assert {outcome(reader, document) for reader in READERS} <= {"read", "refused"}


@given(st.lists(st.dictionaries(names, plain, max_size=8), max_size=2))
@search(3000)
def test_any_item_is_a_reply_or_refused(items: list[dict[str, Any]]) -> None:
    settlement = Settlement("USD", lambda _: Decimal(2))
    with suppress(ValueError, answers.Busy):
        reply = answers.charge_reply(CHARGE, items, settlement)
        assert reply.status is ChargeStatus.REFUSED or reply.cost_micros > 0
