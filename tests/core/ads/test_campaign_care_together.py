"""Several of us look after campaigns at once: each change happens once, and nobody waits in a circle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from config.clock import now
from config.ids import new_id
from core.ads import campaign_care, errors_replay
from models import audit, campaigns
from models import campaign_care as rows
from models.ads import Campaign, ClickError, Offer
from models.click_errors import ErrorFilter
from models.database import db
from tests.core.ads.stage import build, ip, local, offer
from tests.together import together


def some_campaigns(count: int, **more: Any) -> None:
    for number in range(count):
        made = Campaign.create(guid=new_id(), title=f"C {number}", **more)
        offer(made, 1)
        offer(made, 2)


def end_held() -> int:
    with db.atomic():
        return len(campaign_care.end_held())


def test_holds_that_are_too_old_end_once(database: Any) -> None:
    some_campaigns(20, status="hold", held_since=now() - timedelta(days=8))
    assert (sum(together(*[end_held] * 5)), end_held()) == (20, 0)
    assert Campaign.select().where(Campaign.status == "stop").count() == 20
    assert {len(row.settings[rows.REMEMBERED]) for row in Campaign.select()} == {2}


def test_offers_are_retired_once_and_none_is_forgotten(database: Any) -> None:
    some_campaigns(20, status="stop")
    assert sum(together(*[campaign_care.retire_orphans] * 5)) == 40
    assert Offer.select().where(Offer.active).count() == 0
    assert {len(row.settings[rows.REMEMBERED]) for row in Campaign.select()} == {2}


def test_one_of_several_restarts_takes_effect(database: Any) -> None:
    some_campaigns(1, status="stop")
    campaign_care.retire_orphans()
    key = Campaign.get().id
    assert sorted(together(*[lambda: rows.restart(key, now(), None)] * 5)) == [False] * 4 + [True]
    assert (Campaign.get().status, Offer.select().where(Offer.active).count()) == ("working", 2)


def test_one_of_several_stops_takes_effect(database: Any) -> None:
    some_campaigns(1, status="working")
    key = Campaign.get().id
    assert sorted(together(*[lambda: campaigns.stop(key)] * 5)) == [False] * 4 + [True]


def test_faults_are_dismissed_once(database: Any) -> None:
    here = build(status="hold")
    local(*(here.click(ip=ip(number)) for number in range(30)))
    done = together(*[lambda: errors_replay.dismiss(ErrorFilter(), "ended", "anna")] * 5)
    assert sum(done) == 30
    assert ClickError.select().where(ClickError.state == "dismissed").count() == 30
    assert sum(row.after["faults"] for row in audit.page() if row.after) == 30
    assert audit.verify() == []
