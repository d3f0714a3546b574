"""Setting prices: exact, append-only, in force at once, never in a past that was paid already."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import prices
from core.ads.admission import admit
from core.ads.prices import BadPrice, Wanted, terms
from integrations.adload.port import ChargeStatus
from models import audit
from models.ads import ClickPrice
from models.database import drop_connection, ensure_connection
from tests.core.ads import stage
from tests.core.ads.stage import Stage, stored

ROOT = Path(__file__).parents[3]
FLOATING = terms(percent="57", floor="0.06", cap="0.95")


@pytest.fixture
def here(database: Any) -> Stage:
    return stage.build()


def wanted(here: Stage, given: prices.Terms = FLOATING, **more: Any) -> Wanted:
    return Wanted(here.account.login, given, **more)


@pytest.mark.parametrize(
    ("text", "points"), [("57", 5700), ("57.5", 5750), ("57.25 ", 5725), ("0.01", 1), ("100%", 10_000)]
)
def test_a_percentage_is_stored_exactly(text: str, points: int) -> None:
    assert prices.basis_points(text) == points


@pytest.mark.parametrize("text", ["57.555", "0", "-1", "100.01", "0.001", "", "much", "nan", "inf", "57,5"])
def test_a_percentage_that_cannot_be_kept_exactly_is_refused(text: str) -> None:
    with pytest.raises(BadPrice, match="--percent"):
        prices.basis_points(text)


@pytest.mark.parametrize(
    "given",
    [{}, {"fixed": "1", "percent": "5"}, {"fixed": "1", "floor": "1"}, {"fixed": "1", "cap": "1"}, {"fixed": "-1"},
     {"fixed": "0.0000001"}, {"fixed": "1e300"}, {"fixed": "x"}, {"percent": "5", "floor": "-1"},
     {"percent": "5", "cap": "1000001"}, {"fixed": "nan"}],
)  # fmt: skip
def test_terms_that_make_no_sense_are_refused_by_the_option(given: dict[str, str]) -> None:
    with pytest.raises(BadPrice, match=r"--(fixed|percent|floor|cap)"):
        terms(**given)


@pytest.mark.parametrize(
    ("given", "count"),
    [({"percent": "5", "floor": "2", "cap": "1"}, 1), ({"fixed": "0"}, 1), ({"percent": "5", "cap": "0"}, 1),
     ({"percent": "5", "floor": "1", "cap": "2"}, 0), ({"fixed": "0.03"}, 0), ({"percent": "5", "floor": "0"}, 0)],
)  # fmt: skip
def test_terms_that_are_probably_not_meant_are_warned_of(given: dict[str, str], count: int) -> None:
    assert len(prices.warnings(terms(**given))) == count


@pytest.mark.parametrize(("charged", "paid"), [(50_000, 60_000), (1_000_000, 570_000), (2_000_000, 950_000)])
def test_check_15_a_new_price_pays_the_next_click_and_a_later_one_is_ignored(
    here: Stage, charged: int, paid: int
) -> None:
    with time_machine.travel(now(), tick=False):
        prices.set_price(wanted(here), "anna")
        prices.set_price(wanted(here, terms(fixed="9"), since=now() + timedelta(seconds=1)), "anna")
        before, then = here.click(0), here.click(1, at=now() - here.start)
        answering = stage.Answering(default=(ChargeStatus.OK, None, charged))
        admit([before, then], answering)
    assert (stored(before).partner_cost, stored(then).partner_cost) == (30_000, paid)


def test_an_informers_own_price_counts_at_once(here: Stage) -> None:
    with time_machine.travel(now(), tick=False):
        prices.set_price(wanted(here, terms(fixed="0.5"), informer_id=here.informer.id), "anna")
        click = here.click(at=now() - here.start)
        stage.local(click)
    assert stored(click).partner_cost == 500_000


def test_a_price_and_who_set_it_are_kept(here: Stage) -> None:
    prices.set_price(wanted(here), "anna")
    row = audit.page(action="price.set")[0]
    assert (row.actor, row.object) == ("anna", f"account:{here.account.id}")
    assert row.after is not None
    assert (row.after["percent_bp"], row.after["floor"], row.after["cap"]) == (5700, 60_000, 950_000)
    assert prices.listed(here.account.login)[0].created_by == "anna"


@pytest.mark.parametrize("fill_gap", [False, True])
def test_a_past_that_was_paid_is_not_priced_again(here: Stage, fill_gap: bool) -> None:
    with pytest.raises(BadPrice, match="adjustment"):
        prices.set_price(wanted(here, since=now() - timedelta(seconds=1), fill_gap=fill_gap), "anna")
    assert ClickPrice.select().count() == 1
    assert audit.page() == []


def test_a_past_without_any_price_can_be_filled_on_request(here: Stage) -> None:
    since = now() - timedelta(days=200)
    with pytest.raises(BadPrice, match="past"):
        prices.set_price(wanted(here, since=since), "anna")
    assert prices.set_price(wanted(here, since=since, fill_gap=True), "anna") == since


def test_one_instant_has_one_price_even_when_two_set_it_at_once(here: Stage) -> None:
    since = now() + timedelta(hours=1)

    def attempt(cost: str) -> bool:
        ensure_connection()
        try:
            prices.set_price(wanted(here, terms(fixed=cost), since=since), cost)
        except BadPrice:
            return False
        finally:
            drop_connection()
        return True

    with ThreadPoolExecutor(4) as people:
        done = list(people.map(attempt, ["1", "2", "3", "4"]))
    assert done.count(True) == 1
    rows = [row for row in prices.listed(here.account.login) if row.effective_from == since]
    assert len(rows) == len(audit.page(action="price.set")) == 1
    with pytest.raises(BadPrice, match="already"):
        prices.set_price(wanted(here, since=since), "anna")


def test_an_unknown_account_and_a_foreign_informer_are_named(here: Stage) -> None:
    with pytest.raises(BadPrice, match="--account"):
        prices.set_price(Wanted("nobody", FLOATING), "anna")
    other = stage.build()
    with pytest.raises(BadPrice, match="--informer"):
        prices.set_price(wanted(here, informer_id=other.informer.id), "anna")


def test_the_list_tells_what_was_in_force(here: Stage) -> None:
    later = now() + timedelta(days=1)
    prices.set_price(wanted(here, since=later), "anna")
    login = here.account.login
    assert [row.kind for row in prices.listed(login)] == ["floating", "fixed"]
    assert [row.kind for row in prices.listed(login, now())] == ["fixed"]
    assert [row.kind for row in prices.listed(login, later)] == ["floating"]
    assert prices.listed(login, datetime(2000, 1, 1, tzinfo=UTC)) == []


def test_no_code_changes_or_deletes_a_price() -> None:
    forbidden = re.compile(
        r"(?is)\b(update|delete\s+from|truncate|into)\s+click_price\b(?!\s*\(account_id|\s*\n\s*\(account_id)"
        r"|ClickPrice\s*\.\s*(update|delete|insert|replace|bulk_update|set_by_id)"
    )
    layers = ("cli", "core", "models", "scheduler", "web", "worker")
    texts = {path: path.read_text() for layer in layers for path in (ROOT / layer).rglob("*.py")}
    assert [str(path) for path, text in texts.items() if forbidden.search(text)] == []
