"""Replaying faults: the same click, all checks again, the price of its own time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import errors_replay
from core.ads.admission import admit, admit_bodies
from core.ads.local_adload import LocalAdLoad
from integrations.adload.port import ChargeStatus, OutcomeCode
from models.ads import Click, ClickPrice, Offer
from models.click_errors import ErrorFilter
from models.database import execute
from models.fields import bind
from tests.core.ads.stage import DAY, SECOND, Answering, Stage, build, fault, fixed_price, local, outcomes, stored

ALL = ErrorFilter()
NO_FUNDS = Answering(default=(ChargeStatus.REFUSED, OutcomeCode.NO_FUNDS, 0))


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def replay(adload: Any = None, wanted: ErrorFilter = ALL) -> int:
    bodies = errors_replay.take(wanted)
    if bodies:
        admit_bodies(bodies, adload or LocalAdLoad())
    return len(bodies)


def test_a_replayed_click_is_counted_with_its_own_id_and_time_and_its_fault_is_settled(stage: Stage) -> None:
    click = stage.click()
    admit([click], NO_FUNDS)
    assert replay(Answering()) == 1
    assert outcomes([click]) == ["done+error:adload_no_funds:replayed"]
    row = stored(click)
    assert (row.clicked_at, row.partner_cost, fault(click).resolved_by) == (click.clicked_at, 30_000, "replay")


def test_a_fault_without_a_click_row_is_counted_too(stage: Stage) -> None:
    ClickPrice.delete().execute()
    click = stage.click()
    local(click)
    fixed_price(stage.account, 20_000, since=now() - DAY)
    replay()
    assert outcomes([click]) == ["done+error:price_missing:replayed"]


def test_a_replayed_click_is_paid_at_the_price_of_its_own_time(stage: Stage) -> None:
    Offer.update(active=False).execute()
    click = stage.click()
    local(click)
    fixed_price(stage.account, 99_000, since=now())
    Offer.update(active=True).execute()
    replay()
    assert stored(click).partner_cost == 30_000


def test_a_replay_that_fails_again_is_open_again_with_its_new_fault(stage: Stage) -> None:
    click = stage.click()
    admit([click], NO_FUNDS)
    replay(Answering(default=(ChargeStatus.REFUSED, OutcomeCode.OFFER_INACTIVE, 0)))
    assert outcomes([click]) == ["error:adload_offer_inactive+void"]
    assert fault(click).attempts == 2


def test_a_replay_runs_all_checks_and_may_end_in_a_refusal(stage: Stage) -> None:
    click = stage.click(4)
    admit([click], NO_FUNDS)
    local(*[stage.click(number, at=number * SECOND) for number in range(3)])
    replay()
    assert outcomes([click]) == ["error:adload_no_funds:replayed+over_limit_day+void"]


def test_an_unknown_outcome_may_be_replayed_by_a_person_and_is_charged_then(stage: Stage) -> None:
    click = stage.click()
    admit([click], Answering(default=(ChargeStatus.ERROR, OutcomeCode.UNKNOWN_OUTCOME, 0), idempotent=False))
    assert outcomes([click]) == ["error:adload_unknown_outcome:unknown+void"]
    replay(Answering(idempotent=False))
    assert Click.get().state == "done"


def test_a_fault_is_handed_out_for_replay_only_once(stage: Stage) -> None:
    admit([stage.click()], NO_FUNDS)
    assert (len(errors_replay.take(ALL)), len(errors_replay.take(ALL))) == (1, 0)


def test_a_replay_delivered_twice_counts_once(stage: Stage) -> None:
    click = stage.click()
    admit([click], NO_FUNDS)
    bodies, adload = errors_replay.take(ALL), Answering()
    for _ in range(2):
        admit_bodies(bodies, adload)
    assert (outcomes([click]), len(adload.asked)) == (["done+error:adload_no_funds:replayed"], 1)


def test_a_replay_that_had_to_wait_for_adload_settles_its_fault_in_the_end(stage: Stage) -> None:
    from core.ads import pending_clicks

    click = stage.click()
    admit([click], NO_FUNDS)
    replay(Answering(default=(ChargeStatus.ERROR, OutcomeCode.TIMEOUT, 0)))
    assert outcomes([click]) == ["error:adload_no_funds:retry+pending"]
    with time_machine.travel(now() + timedelta(minutes=3), tick=False):
        pending_clicks.finish(Answering())
    assert outcomes([click]) == ["done+error:adload_no_funds:replayed"]


def test_only_faults_that_match_are_replayed(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND) for number in range(2)]
    admit(clicks[:1], NO_FUNDS)
    admit(clicks[1:], Answering(default=(ChargeStatus.REFUSED, OutcomeCode.OTHER, 0)))
    misses = [
        ErrorFilter(code="price_missing"), ErrorFilter(campaign_id=-1), ErrorFilter(since=now() + DAY),
        ErrorFilter(until=now() - DAY), ErrorFilter(last_day=now().date() - 3 * DAY),
    ]  # fmt: skip
    assert [len(errors_replay.take(wanted)) for wanted in misses] == [0] * 5
    assert len(errors_replay.take(ErrorFilter(code="adload_other", campaign_id=stage.campaign.id))) == 1
    assert len(errors_replay.take(ErrorFilter(click_ids=(str(clicks[0].click_id),)))) == 1


def test_faults_of_days_that_may_be_archived_are_refused_and_counted(stage: Stage) -> None:
    admit([stage.click()], NO_FUNDS)
    with time_machine.travel(now() + 62 * DAY, tick=False):
        assert (errors_replay.take(ALL), errors_replay.refused(ALL)) == ([], 1)


@pytest.mark.parametrize(
    ("state", "days", "taken"),
    [("moving", 3, 0), ("archived", 3, 0), ("purged", 3, 0), ("restored", 3, 1), ("restored", 62, 1)],
)
def test_faults_of_an_archived_day_are_refused_and_those_of_a_restored_one_are_taken(
    stage: Stage, state: str, days: int, taken: int
) -> None:
    admit([stage.click()], NO_FUNDS)
    query = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', %s, 1, %s)"
    execute(query, (bind(stage.start.date()), state, bind(now())))
    with time_machine.travel(now() + days * DAY, tick=False):
        assert (len(errors_replay.take(ALL)), errors_replay.refused(ALL)) == (taken, 1 - taken)
