"""Clicks that are decided in the redirect are counted like those of the workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prometheus_client import REGISTRY

from config.settings import get_settings
from core.ads import clicks as messages
from core.ads.admission import admit_bodies
from core.ads.clicks import ClickMessage, Flag
from core.ads.local_adload import LocalAdLoad
from models.ads import Click, ClickError, ClickRejected
from tests.core.ads.stage import SECOND, build, outcomes
from web.inline import admission


def counted(outcome: str, reason: str = "") -> float:
    labels = {"outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("signalbox_click_outcomes_total", labels) or 0.0


def rows(click: ClickMessage, *, apart: frozenset[str]) -> list[dict[str, Any]]:
    """What the three stores hold of a click, but for what must differ."""
    stores: list[Any] = [Click, ClickRejected, ClickError]
    found = [row for store in stores for row in store.select().where(store.click_id == click.click_id).dicts()]
    return [{name: value for name, value in row.items() if name not in apart} for row in found]


def test_check_6_a_click_that_is_decided_inline_leaves_the_rows_that_the_queue_leaves(database: Any) -> None:
    here = build()
    kinds: list[dict[str, Any]] = [{}, {"age": timedelta(hours=3)}, {"offer_id": 999_999}, {"token": "A" * 58}]
    at = {"ip": "198.51.100.1"}, {"ip": "198.51.100.2"}
    queued, inline = ([here.click(1, at=SECOND, **place, **kind) for kind in kinds] for place in at)
    admit_bodies([messages.payload(click) for click in queued], LocalAdLoad())
    admission(get_settings())([messages.encode(click) for click in inline])
    assert outcomes(inline) == outcomes(queued) == ["done", "link_expired", "error:unknown_offer", "token_invalid"]
    apart = frozenset({"click_id", "ip", "actor_net", "token", "adload_charge_id", "created_at", "processed_at",
                       "payload", "flags"})  # fmt: skip
    for one, other in zip(queued, inline, strict=True):
        assert rows(one, apart=apart) == rows(other, apart=apart)
    flags = [Click.get(Click.click_id == click.click_id).flags for click in (queued[0], inline[0])]
    assert flags[1] == flags[0] | Flag.INLINE


def test_what_became_of_a_click_is_counted_where_it_was_decided(sqlite_database: Any) -> None:
    here = build()
    made = [here.click(0), here.click(1, token="A" * 58)]
    before = counted("counted"), counted("rejected", "token_invalid")
    admission(get_settings())([messages.encode(click) for click in made])
    assert outcomes(made) == ["done", "token_invalid"]
    assert (counted("counted"), counted("rejected", "token_invalid")) == (before[0] + 1, before[1] + 1)
