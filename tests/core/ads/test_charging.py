"""Phases 2 and 3: what each of AdLoad's answers makes of a click, and what interruptions leave behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import charging, pending_clicks
from core.ads.admission import admit
from core.ads.clicks import ClickMessage
from core.ads.local_adload import LocalAdLoad
from integrations.adload.port import ChargeReply, ChargeStatus, OutcomeCode
from models.ads import AdloadCharge, Campaign, Click, Offer, StatsDirtyDay
from tests.conftest import SettingsEnv
from tests.core.ads.stage import SECOND, Answering, Stage, build, counts, fault, local, outcomes, stored

MINUTE = timedelta(minutes=1)
ERROR, REFUSED, OK = ChargeStatus.ERROR, ChargeStatus.REFUSED, ChargeStatus.OK


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def failing(code: OutcomeCode = OutcomeCode.TIMEOUT, **more: Any) -> Answering:
    return Answering(default=(ERROR, code, 0), **more)


def test_a_confirmed_click_is_done_with_both_costs_and_the_charge_id(stage: Stage) -> None:
    click = stage.click()
    assert counts(admit([click], Answering())) == {"counted": 1}
    row = stored(click)
    assert (row.state, row.advertiser_cost, row.partner_cost) == ("done", 50_000, 30_000)
    assert (row.adload_charge_id, row.payload) == (f"c-{click.click_id}", None)


def test_adload_gets_the_click_id_and_the_time_of_the_click(stage: Stage) -> None:
    adload, click = Answering(), stage.click(at=-timedelta(hours=3))
    admit([click], adload)
    assert [(asked.click_id, asked.clicked_at) for asked in adload.asked] == [(click.click_id, click.clicked_at)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((REFUSED, OutcomeCode.OFFER_INACTIVE, 0), "adload_offer_inactive"),
        ((REFUSED, OutcomeCode.NO_FUNDS, 0), "adload_no_funds"),
        ((REFUSED, OutcomeCode.BAD_REQUEST, 0), "adload_bad_request"),
        ((OK, None, 0), "adload_zero_cost"),
    ],
)
def test_check_8_a_refused_click_is_not_done_but_one_error_with_its_whole_payload(
    stage: Stage, answer: tuple[ChargeStatus, OutcomeCode | None, int], code: str
) -> None:
    click = stage.click()
    admit([click], Answering(default=answer))
    assert outcomes([click]) == [f"error:{code}+void"]
    assert fault(click).payload["token"] == click.token


def test_a_void_click_no_longer_counts_towards_the_limit(stage: Stage) -> None:
    for number in range(3):
        admit([stage.click(number)], Answering(default=(REFUSED, OutcomeCode.NO_FUNDS, 0)))
    clicks = [stage.click(number, at=number * SECOND) for number in range(3)]
    admit(clicks, Answering())
    assert outcomes(clicks) == ["done"] * 3


def test_a_pending_click_counts_towards_the_limit_while_adload_is_down(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND) for number in range(4)]
    for click in clicks:
        admit([click], failing())
    assert outcomes(clicks) == ["pending", "pending", "pending", "over_limit_day"]


def test_a_social_click_is_announced_as_social_and_costs_nothing(database: Any) -> None:
    adload, click = Answering(), build(is_social=True).click()
    assert counts(admit([click], adload)) == {"social": 1}
    assert [asked.social for asked in adload.asked] == [True]


def test_a_social_click_is_not_announced_when_that_is_switched_off(settings_env: SettingsEnv, database: Any) -> None:
    settings_env(ADLOAD_NOTIFY_SOCIAL="false")
    adload, click = Answering(), build(is_social=True).click()
    admit([click], adload)
    assert (adload.asked, outcomes([click])) == ([], ["done"])


def test_a_click_that_is_not_unique_is_never_charged(stage: Stage) -> None:
    adload = Answering()
    admit([stage.click(0), stage.click(0, at=SECOND)], adload)
    assert len(adload.asked) == 1


def test_without_an_answer_a_click_waits_one_minute_then_two_and_at_most_fifteen(stage: Stage) -> None:
    click, waits = stage.click(), []
    with time_machine.travel(now(), tick=False) as clock:
        admit([click], failing())
        for _ in range(6):
            wait = stored(click).next_attempt_at - now()
            waits.append(wait // MINUTE)
            clock.shift(wait)
            pending_clicks.finish(failing(), batch=1, seconds=0)
    assert waits == [1, 2, 4, 8, 15, 15]


def test_after_a_day_without_an_answer_a_click_becomes_an_open_error_named_after_the_last_failure(stage: Stage) -> None:
    click = stage.click()
    admit([click], failing(OutcomeCode.UNREACHABLE))
    with time_machine.travel(now() + timedelta(hours=24), tick=False):
        pending_clicks.finish(failing(OutcomeCode.TIMEOUT))
    assert outcomes([click]) == ["error:adload_timeout+void"]


def test_the_sweep_charges_what_waits_with_the_same_key_and_time(stage: Stage) -> None:
    click, adload = stage.click(), Answering()
    admit([click], failing())
    with time_machine.travel(now() + 2 * MINUTE, tick=False):
        pending_clicks.finish(adload)
    assert outcomes([click]) == ["done"]
    assert (adload.asked[0].click_id, adload.asked[0].clicked_at) == (click.click_id, click.clicked_at)
    assert stored(click).partner_cost == 30_000


def test_a_click_that_is_not_due_is_left_alone(stage: Stage) -> None:
    click, adload = stage.click(), Answering()
    admit([click], failing())
    pending_clicks.finish(adload)
    assert (adload.asked, outcomes([click])) == ([], ["pending"])


class Killed(BaseException):
    """The process ends here."""


def admit_and_die_before_phase_3(click: ClickMessage, adload: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(charging, "_store", die)
        with pytest.raises(Killed):
            admit([click], adload)


def test_check_18_a_worker_killed_between_charge_and_record_leaves_one_charge_and_one_done_click(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    click, adload = stage.click(), Answering()
    admit_and_die_before_phase_3(click, adload, monkeypatch)
    with time_machine.travel(now() + 3 * MINUTE, tick=False):
        pending_clicks.finish(adload)
    assert outcomes([click]) == ["done"]
    assert {asked.click_id for asked in adload.asked} == {click.click_id}


def test_check_18_without_idempotency_the_killed_charge_is_not_repeated_but_unknown(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    click, adload = stage.click(), Answering(idempotent=False)
    admit_and_die_before_phase_3(click, adload, monkeypatch)
    with time_machine.travel(now() + 3 * MINUTE, tick=False):
        pending_clicks.finish(adload)
    assert outcomes([click]) == ["error:adload_unknown_outcome:unknown+void"]
    assert len(adload.asked) == 1


def test_without_idempotency_a_failure_that_sent_nothing_may_be_repeated(stage: Stage) -> None:
    click, adload = stage.click(), Answering(idempotent=False)
    admit([click], failing(OutcomeCode.UNREACHABLE, sent=False, idempotent=False))
    with time_machine.travel(now() + 3 * MINUTE, tick=False):
        pending_clicks.finish(adload)
    assert outcomes([click]) == ["done"]


def test_without_idempotency_a_redelivery_does_not_disturb_a_charge_that_is_under_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    click, adload = stage.click(), Answering(idempotent=False)
    admit_and_die_before_phase_3(click, adload, monkeypatch)
    admit([click], adload)
    assert (outcomes([click]), len(adload.asked)) == (["pending"], 1)


def test_a_redelivered_pending_click_is_charged_again_with_the_same_key(stage: Stage) -> None:
    click, adload = stage.click(), Answering()
    admit([click], failing())
    assert counts(admit([click], adload)) == {"counted": 1}


def test_in_sync_mode_nobody_is_asked_and_the_click_is_due_at_once(stage: Stage) -> None:
    click, adload = stage.click(), Answering(idempotent=False)
    admit([click], adload, mode="sync")
    assert (adload.asked, outcomes([click])) == ([], ["pending"])
    pending_clicks.finish(adload)
    assert outcomes([click]) == ["done"]


def test_one_clicks_failure_does_not_touch_the_others_of_its_batch(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND) for number in range(3)]
    adload = Answering()
    adload.replies[clicks[1].click_id] = ChargeReply(clicks[1].click_id, ERROR, OutcomeCode.TIMEOUT)
    admit(clicks, adload)
    assert outcomes(clicks) == ["done", "pending", "done"]


def test_a_missing_reply_is_a_bad_reply_and_the_click_waits(stage: Stage) -> None:
    class Silent(Answering):
        def add_clicks(self, charges: Any) -> list[Any]:
            return []

    click = stage.click()
    admit([click], Silent())
    assert (stored(click).state, stored(click).last_failure) == ("pending", "adload_bad_reply")


def test_the_local_driver_leaves_no_pending_row_and_writes_the_charge_with_the_click(stage: Stage) -> None:
    click = stage.click()
    local(click)
    row = stored(click)
    assert (row.state, row.advertiser_cost, row.partner_cost, row.attempts) == ("done", 50_000, 30_000, 0)
    assert AdloadCharge.get_by_id(click.click_id).cost == 50_000


def test_the_local_driver_refuses_inactive_offers_and_stopped_campaigns_without_a_click_row(stage: Stage) -> None:
    Offer.update(active=False).where(Offer.id == stage.offers[0].id).execute()
    clicks = [stage.click(0), stage.click(1, at=SECOND)]
    local(clicks[0])
    Campaign.update(status="hold").where(Campaign.id == stage.campaign.id).execute()
    local(clicks[1])
    assert outcomes(clicks) == ["error:adload_offer_inactive", "error:adload_campaign_stopped"]
    assert Click.select().count() == 0


def test_a_refused_local_charge_does_not_count_towards_the_limit_of_its_batch(stage: Stage) -> None:
    Offer.update(active=False).where(Offer.id == stage.offers[0].id).execute()
    clicks = [stage.click(number, at=number * SECOND) for number in range(4)]
    local(*clicks)
    assert outcomes(clicks) == ["error:adload_offer_inactive", "done", "done", "done"]


def test_a_budget_is_never_overspent(database: Any) -> None:
    stage = build(budget=120_000)
    clicks = [stage.click(number, at=number * SECOND, ip=f"198.51.100.{number}") for number in range(4)]
    local(*clicks[:3])
    local(clicks[3])
    assert outcomes(clicks) == ["done", "done", "error:adload_no_funds", "error:adload_no_funds"]
    assert Campaign.get_by_id(stage.campaign.id).spent == 100_000


def test_the_local_driver_scales_by_the_accounts_percent_and_takes_the_campaigns_own_price(database: Any) -> None:
    stage = build()
    stage.account.advertiser_percent_bp = 12_345
    stage.account.save()
    first = stage.click(0)
    local(first)
    Campaign.update(settings={"price": {str(stage.informer.guid): 7_000}}).execute()
    second = stage.click(1, at=SECOND)
    local(second)
    assert (stored(first).advertiser_cost, stored(second).advertiser_cost) == (61_725, 7_000)


def test_clicks_that_waited_for_another_driver_are_finished_by_the_local_one(stage: Stage) -> None:
    click = stage.click()
    admit([click], failing())
    with time_machine.travel(now() + 2 * MINUTE, tick=False):
        pending_clicks.finish(LocalAdLoad())
    assert outcomes([click]) == ["done"]
    assert AdloadCharge.select().count() == 1


def test_a_done_click_marks_its_day_for_the_statistics_and_an_older_day_counts_each_mark(stage: Stage) -> None:
    old = [stage.click(0, at=-timedelta(days=5), ip=f"198.51.100.{number}") for number in range(2)]
    local(stage.click(0))
    local(old[0])
    local(old[1])
    marks = {row.day: row.marks for row in StatsDirtyDay.select()}
    assert marks[old[0].clicked_at.date()] == 2
    assert now().date() in marks or stage.start.date() in marks
