"""What we counted and what AdLoad charged, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now, today
from config.ids import new_id
from core.ads import reconciliation
from core.ads.admission import admit
from core.ads.local_adload import LocalAdLoad
from core.ads.reconciliation import NotComparable, Reconciled
from integrations.adload.http import HttpAdLoad
from integrations.adload.port import CampaignTotal, ChargeStatus
from integrations.adload.xmlrpc import XmlRpcAdLoad
from integrations.errors import OutsideError
from models import reconciliation as rows
from models.ads import AdloadCharge, Campaign, Click
from models.reconciliation import Line
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.ads.stage import SECOND, Answering, Stage, build, local
from tests.together import together

DAY = timedelta(days=1)


@pytest.fixture
def stage(database: Any) -> Iterator[Stage]:
    """A stage at noon, so that all its clicks are of one day."""
    with time_machine.travel(now().replace(hour=12, minute=0), tick=False):
        yield build(offers=3)


class Sums(Answering):
    """An AdLoad whose sums are what a test says."""

    def __init__(self, *totals: CampaignTotal) -> None:
        super().__init__()
        self.totals = list(totals)

    def daily_totals(self, day: date) -> list[CampaignTotal]:
        return self.totals


def tomorrow(adload: Any) -> Reconciled:
    with time_machine.travel(now() + DAY, tick=False):
        return reconciliation.reconcile(adload)


def test_what_the_local_driver_charged_agrees_with_what_was_counted(stage: Stage) -> None:
    local(*(stage.click(number % 3, at=number * SECOND, ip=f"198.51.100.{number // 3}") for number in range(9)))
    local(stage.click(ip="198.51.100.0"))
    found = tomorrow(LocalAdLoad())
    assert found.day == today()
    assert found.lines == [Line(stage.campaign.id, 9, 9, 450_000, 450_000, False)]
    assert found.differing == []
    assert rows.stored(found.day) == found.lines


@pytest.mark.parametrize(("told", "clicks"), [("true", [1]), ("false", [])])
def test_social_clicks_count_on_both_sides_unless_adload_is_not_told(
    stage: Stage, settings_env: SettingsEnv, told: str, clicks: list[int]
) -> None:
    settings_env(ADLOAD_NOTIFY_SOCIAL=told)
    Campaign.update(is_social=True).execute()
    local(stage.click())
    found = tomorrow(LocalAdLoad())
    assert ([line.clicks_here for line in found.lines], found.differing) == (clicks, [])


def test_a_charge_whose_click_is_not_counted_is_found(stage: Stage) -> None:
    lost = stage.click(1)
    local(stage.click(0), lost)
    Click.update(state="void").where(Click.click_id == lost.click_id).execute()
    [line] = tomorrow(LocalAdLoad()).differing
    assert (line.clicks_here, line.clicks_there, line.cost_there) == (1, 2, 100_000)


def test_a_charge_without_any_click_is_found_by_the_time_in_its_id(database: Any) -> None:
    stage = build()
    AdloadCharge.create(click_id=new_id(), campaign_id=stage.campaign.id, cost=7, created_at=now())
    assert tomorrow(LocalAdLoad()).differing == [Line(stage.campaign.id, 0, 1, 0, 7, True)]


def test_a_click_charged_after_midnight_belongs_to_the_day_of_the_click(stage: Stage) -> None:
    local(stage.click())
    AdloadCharge.update(created_at=now() + DAY).execute()
    assert tomorrow(LocalAdLoad()).differing == []


@pytest.mark.parametrize(("there", "differs"), [(200, False), (199, False), (201, False), (198, True), (202, True)])
def test_half_a_percent_is_tolerated(stage: Stage, there: int, differs: bool) -> None:
    made = [stage.click(number % 3, at=SECOND, ip=f"198.51.100.{number // 3}") for number in range(200)]
    admit(made, Answering(default=(ChargeStatus.OK, None, 1000)))
    total = CampaignTotal(stage.campaign.guid, there, there * 1000)
    assert [line.differs for line in tomorrow(Sums(total)).lines] == [differs]


def test_cost_alone_makes_a_difference(stage: Stage) -> None:
    admit([stage.click()], Answering())
    [line] = tomorrow(Sums(CampaignTotal(stage.campaign.guid, 1, 51_000))).differing
    assert (line.cost_here, line.cost_there) == (50_000, 51_000)


def test_campaigns_that_are_not_ours_are_one_line_and_a_foreign_id_is_recognised(stage: Stage) -> None:
    foreign = new_id()
    Campaign.update(adload_id=str(foreign)).execute()
    admit([stage.click()], Answering())
    found = tomorrow(
        Sums(CampaignTotal(foreign, 1, 50_000), CampaignTotal(new_id(), 2, 5), CampaignTotal(new_id(), 3, 6))
    )
    assert found.lines == [
        Line(rows.ELSEWHERE, 0, 5, 0, 11, True), Line(stage.campaign.id, 1, 1, 50_000, 50_000, False),
    ]  # fmt: skip


def test_running_again_replaces_the_lines_and_drops_those_that_are_gone(stage: Stage) -> None:
    admit([stage.click()], Answering())
    other = CampaignTotal(new_id(), 1, 1)
    tomorrow(Sums(other))
    assert len(rows.stored(today())) == 2
    for _ in range(2):
        found = tomorrow(Sums(CampaignTotal(stage.campaign.guid, 1, 50_000)))
        assert rows.stored(today()) == found.lines == [Line(stage.campaign.id, 1, 1, 50_000, 50_000, False)]


def test_two_at_once_leave_what_one_leaves(stage: Stage) -> None:
    admit([stage.click()], Answering())
    yesterday, totals = today(), Sums(CampaignTotal(stage.campaign.guid, 1, 50_000))

    with time_machine.travel(now() + DAY, tick=False):
        together(*[lambda: reconciliation.reconcile(totals, yesterday)] * 4)
    assert rows.stored(yesterday) == [Line(stage.campaign.id, 1, 1, 50_000, 50_000, False)]


def test_the_sums_of_the_http_driver_agree_over_the_line(
    stage: Stage, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.adload.remote.CONNECT_SECONDS", 10.0)
    adload = HttpAdLoad(sandbox.adload_url, "USD", seconds=30, batch_seconds=30)
    admit([stage.click(number, at=number * SECOND) for number in range(3)], adload)
    assert tomorrow(adload).lines == [Line(stage.campaign.id, 3, 3, 135_000, 135_000, False)]
    sandbox.fault("adload", {"type": "status", "status": 503})
    with pytest.raises(OutsideError):
        tomorrow(adload)
    assert len(rows.stored(today())) == 1


def test_a_driver_without_sums_says_so(stage: Stage) -> None:
    with pytest.raises(NotComparable, match="no daily totals"):
        tomorrow(XmlRpcAdLoad("http://127.0.0.1:1", "USD"))


def test_a_day_that_is_not_over_or_archived_is_not_compared(stage: Stage, database: Any) -> None:
    with pytest.raises(NotComparable, match="not over"):
        reconciliation.reconcile(Sums(), today())
    database.execute_sql(
        "insert into archived_day (day, name, state, row_count, archived_at) "
        "values ('2026-01-01', 'click', 'archived', 0, '2026-03-03T00:00:00.000000Z')"
    )
    with pytest.raises(NotComparable, match="archive"):
        reconciliation.reconcile(Sums(), date(2026, 1, 1))


def test_the_statistics_day_of_another_zone_changes_nothing_because_adload_counts_by_utc(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(LOCAL_TIMEZONE="Asia/Tokyo")
    local(stage.click())
    assert tomorrow(LocalAdLoad()).lines == [Line(stage.campaign.id, 1, 1, 50_000, 50_000, False)]
