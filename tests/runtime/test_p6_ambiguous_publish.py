"""P6: a click whose publish timed out is decided here, or spooled, and its message may still arrive."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.ads import clicks
from core.ads.admission import admit, admit_bodies
from core.ads.local_adload import LocalAdLoad
from models.ads import AdloadCharge, Click
from tests.core.ads import stage
from tests.core.ads.stage import Answering


@pytest.fixture(autouse=True)
def connected(database: Any) -> None:
    """Both engines."""


def test_a_click_decided_inline_and_delivered_by_the_queue_is_counted_once() -> None:
    click = stage.build().click()
    assert admit([click], LocalAdLoad(), mode="sync").counts["counted"] == 1
    again = admit_bodies([clicks.payload(click)], LocalAdLoad())
    assert again.counts == {"duplicate": 1}
    assert (Click.select().count(), AdloadCharge.select().count()) == (1, 1)


def test_a_click_from_the_queue_and_then_from_the_spool_is_counted_once() -> None:
    click = stage.build().click()
    admit_bodies([clicks.payload(click)], LocalAdLoad())
    assert admit_bodies([clicks.encode(click)], LocalAdLoad()).counts == {"duplicate": 1}
    assert (Click.select().count(), AdloadCharge.select().count()) == (1, 1)


def test_a_click_left_pending_inline_is_charged_once_by_the_message_that_arrives_late() -> None:
    click, adload = stage.build().click(), Answering()
    admit([click], adload, mode="sync")
    assert stage.stored(click).state == "pending"
    admit_bodies([clicks.payload(click)], adload)
    admit_bodies([clicks.payload(click)], adload)
    assert stage.stored(click).state == "done"
    assert [charge.click_id for charge in adload.asked] == [click.click_id]


def test_the_limit_counts_a_click_once_on_whatever_ways_it_came() -> None:
    here = stage.build()
    made = [here.click(number, at=timedelta(seconds=number)) for number in range(3)]
    for click in made:
        admit([click], LocalAdLoad(), mode="sync")
        admit_bodies([clicks.payload(click)], LocalAdLoad())
    assert stage.outcomes(made) == ["done"] * 3
    assert stage.listed() == []
