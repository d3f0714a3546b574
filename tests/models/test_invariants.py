"""Each invariant finds the rows that violate it, and nothing in a healthy database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from config.clock import now
from config.ids import new_id
from config.settings import get_settings
from models import invariants, outbox
from models.ads import (
    Account,
    AdloadCharge,
    Campaign,
    Click,
    ClickError,
    ClickPrice,
    ClickRejected,
    Informer,
    Offer,
    Site,
)
from models.database import is_postgres
from models.envelope import encode_message
from models.runtime import DeadLetter, Outbox, Poison, QueueMessage
from tests.conftest import SettingsEnv

AT = now().replace(hour=12)
NET = "203.0.113.7/32"
pytestmark = pytest.mark.usefixtures("network")


@pytest.fixture
def network(any_day: None, database: Any) -> dict[str, int]:
    """A publisher who earns 57 percent, at least 0.06 and at most 0.95, and one offer."""
    account = Account.create(guid=new_id(), login="publisher", kind="user", currency="USD", created_at=AT)
    site = Site.create(account=account, host="news.example")
    informer = Informer.create(guid=new_id(), account=account, site=site, title="block")
    campaign = Campaign.create(guid=new_id(), title="Tyres", status="working")
    offer = Offer.create(
        guid=new_id(), campaign=campaign, url="https://x.example", title="x", click_cost=50_000, updated_at=AT
    )
    price = ClickPrice.create(
        account=account, kind="floating", percent_bp=5700, floor_cost=60_000, cap_cost=950_000,
        effective_from=AT - timedelta(days=900), created_by="test",
    )  # fmt: skip
    ids: dict[str, Any] = {
        "account": account,
        "informer": informer,
        "campaign": campaign,
        "offer": offer,
        "price": price,
    }
    return {f"{name}_id": int(row.id) for name, row in ids.items()}


def count(network: dict[str, int], at: datetime = AT, *, charged: bool = True, **changes: Any) -> UUID:
    """A click that is counted and, unless told otherwise, charged."""
    click_id = new_id()
    row = network | {
        "click_day": at.date(), "click_id": click_id, "clicked_at": at, "ip": "203.0.113.7", "actor_net": NET,
        "url": "https://x.example", "state": "done", "is_unique": True, "is_social": False, "advertiser_cost": 50_000,
        "partner_cost": 60_000, "view_ms": 1, "created_at": at,
    } | changes  # fmt: skip
    Click.create(**row)
    if charged:
        AdloadCharge.create(click_id=click_id, campaign_id=network["campaign_id"], cost=50_000, created_at=at)
    return click_id


def reject(click_id: UUID, reason: str = "link_expired") -> None:
    ClickRejected.create(
        click_day=AT.date(), click_id=click_id, clicked_at=AT, token="", url="", reason_code=reason, reason=reason,
        detail={}, view_ms=0,
    )  # fmt: skip


def fail(click_id: UUID, state: str = "open") -> None:
    ClickError.create(
        click_day=AT.date(), click_id=click_id, clicked_at=AT, stage="charge", code="internal", message="",
        payload={}, created_at=AT, state=state,
    )  # fmt: skip


def found() -> set[str]:
    return set(invariants.violations())


def test_a_healthy_database_has_no_violations(network: dict[str, int]) -> None:
    count(network)
    count(network, AT + timedelta(hours=1), offer_id=77)
    reject(new_id())
    fail(new_id())
    outbox.put("give_up", "retry", b"{}", new_id())
    assert invariants.violations() == {}


def test_a_click_that_is_counted_and_rejected_is_found(network: dict[str, int]) -> None:
    click_id = count(network)
    reject(click_id)
    rows = invariants.violations()["I2 decided twice"]
    assert [(str(row[0]), row[1:]) for row in rows] == [(str(click_id), (2, "counted", "rejected"))]


def test_a_pending_click_with_an_open_error_is_found(network: dict[str, int]) -> None:
    fail(count(network, state="pending", next_attempt_at=now(), charged=False))
    assert found() == {"I2 decided twice"}


def test_an_error_that_was_replayed_does_not_count_as_a_second_outcome(network: dict[str, int]) -> None:
    fail(count(network), "replayed")
    assert found() == set()


def test_an_over_limit_click_may_be_stored_as_a_free_one_on_request(
    network: dict[str, int], settings_env: SettingsEnv
) -> None:
    reject(count(network, is_unique=False, advertiser_cost=0, partner_cost=0, charged=False), "over_limit_day")
    assert found() == {"I2 decided twice"}
    settings_env(RECORD_OVER_LIMIT_AS_NONUNIQUE="true", DATABASE_URL=get_settings().database_dsn)
    assert found() == set()


def test_a_click_taken_back_without_an_error_is_found(network: dict[str, int]) -> None:
    count(network, state="void", charged=False)
    fail(new_id(), "replayed")
    assert len(invariants.violations()["I2 without outcome"]) == 2


def test_a_pending_click_that_nobody_works_on_is_found(network: dict[str, int]) -> None:
    count(network, state="pending", next_attempt_at=now() - timedelta(minutes=11), charged=False)
    assert found() == {"I2 pending too long"}


def test_a_counted_click_without_a_charge_is_found(network: dict[str, int]) -> None:
    count(network, charged=False)
    assert found() == {"I3 counted without charge"}


def test_a_click_charged_at_another_amount_is_found(network: dict[str, int]) -> None:
    count(network, advertiser_cost=49_999)
    assert "I3 counted without charge" in found()


def test_a_charge_without_a_click_is_found(network: dict[str, int]) -> None:
    AdloadCharge.create(click_id=new_id(), campaign_id=1, cost=50_000, created_at=AT)
    assert found() == {"I3 charged without count"}


def test_a_charge_whose_click_is_still_pending_is_under_way(network: dict[str, int]) -> None:
    count(network, state="pending", next_attempt_at=now())
    assert found() == set()


def test_charges_elsewhere_are_not_missed_here(network: dict[str, int], settings_env: SettingsEnv) -> None:
    count(network, charged=False)
    settings_env(ADLOAD_DRIVER="http", ADLOAD_URL="http://127.0.0.1:1", DATABASE_URL=get_settings().database_dsn)
    assert found() == set()


@pytest.mark.parametrize(("charged", "due"), [(50_000, 60_000), (1_000_000, 570_000), (2_000_000, 950_000)])
def test_a_click_that_earns_another_rate_is_found(network: dict[str, int], charged: int, due: int) -> None:
    count(network, advertiser_cost=charged, partner_cost=due, charged=False)
    wrong = count(network, AT + timedelta(days=-1), advertiser_cost=charged, partner_cost=due + 100, charged=False)
    rows = invariants.violations()["I3 paid another rate"]
    assert [(str(row[0]), *row[1:]) for row in rows] == [(str(wrong), due + 100, due)]


def test_a_click_without_a_price_is_found(network: dict[str, int]) -> None:
    count(network, price_id=None)
    assert found() == {"I3 paid another rate"}


def test_a_fourth_click_within_the_window_is_found_and_one_exactly_a_day_later_is_not(network: dict[str, int]) -> None:
    for number in range(3):
        count(network, AT + timedelta(minutes=number), offer_id=number)
    count(network, AT + timedelta(days=1), offer_id=9)
    assert found() == set()
    fourth = count(network, AT + timedelta(hours=23, minutes=59), offer_id=10)
    rows = invariants.violations()["I4 over the limit"]
    assert [(row[0], str(row[1])) for row in rows if str(row[1]) == str(fourth)] == [(NET, str(fourth))]


def test_networks_on_the_allow_list_have_no_limit_of_their_own(
    network: dict[str, int], settings_env: SettingsEnv
) -> None:
    for number in range(4):
        count(network, AT + timedelta(minutes=number), offer_id=number)
    settings_env(ALLOWLIST_NETS="203.0.113.0/24", DATABASE_URL=get_settings().database_dsn)
    assert found() == set()


def test_a_double_click_that_is_paid_twice_is_found(network: dict[str, int]) -> None:
    count(network)
    count(network, AT + timedelta(hours=23))
    assert found() == {"I4 paid twice for one offer"}


def test_a_message_that_waits_to_be_published_for_too_long_is_found(network: dict[str, int]) -> None:
    outbox.put("give_up", "retry", b"{}", new_id(), available_at=now() - timedelta(seconds=61))
    assert found() == {"I17 outbox stands still"}
    Outbox.delete().execute()
    if is_postgres():
        return
    QueueMessage.update(lease_until=now() + timedelta(seconds=9)).execute()
    assert found() == set()


def bury(click_ids: list[UUID], **changes: Any) -> None:
    body = encode_message("process_clicks", {"clicks": [{"click_id": str(click_id)} for click_id in click_ids]})
    row = {
        "message_id": new_id(), "task": "process_clicks", "queue": "clicks", "body": body, "reason": "exhausted",
        "fingerprint": "x", "first_seen_at": now() - timedelta(minutes=2),
    } | changes  # fmt: skip
    DeadLetter.create(**row)


def test_clicks_of_a_dead_letter_that_are_stored_nowhere_are_found(network: dict[str, int]) -> None:
    kept, lost = new_id(), new_id()
    fail(kept)
    bury([kept, lost])
    assert invariants.violations()["I18 dead clicks unrecorded"][0][3] == [str(lost)]


def test_fresh_and_undecodable_dead_letters_are_no_violation(network: dict[str, int]) -> None:
    bury([new_id()], first_seen_at=now())
    bury([], body=b"\xff", reason="undecodable")
    assert found() == set()


def test_a_single_click_of_a_dead_letter_is_looked_up_too(network: dict[str, int]) -> None:
    body = orjson.dumps({"kwargs": {"click": {"click_id": str(new_id())}}})
    bury([], task="process_click", body=body)
    assert found() == {"I18 dead clicks unrecorded"}


@pytest.mark.parametrize("crashes", [3, 4])
def test_a_message_that_takes_workers_down_and_is_not_put_away_is_found(network: dict[str, int], crashes: int) -> None:
    message_id = new_id()
    Poison.create(message_id=message_id, crashes=crashes, at=now() - timedelta(minutes=2))
    assert found() == {"I20 poison spreads"}
    bury([], message_id=message_id, reason="poison")
    assert found() == (set() if crashes == 3 else {"I20 poison spreads"})


def test_older_days_can_be_left_out(network: dict[str, int]) -> None:
    count(network, charged=False)
    assert invariants.violations(AT.date() + timedelta(days=1)) == {}
