"""What clicks show that is wrong with us, with AdLoad or with a price: an incident for each cause and day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from config.clock import monotonic, today
from integrations.adload.port import OutcomeCode
from worker import alerts
from worker.alerts import Severity

EVERY_SECONDS = 60.0
"""Each batch may show it again, and they must not wait for each other to count that."""
CAUSES: dict[str, dict[str, str]] = {
    OutcomeCode.BAD_REQUEST: {
        "object": "AdLoad",
        "happened": "refuses our requests as malformed",
        "left": "look at the clicks with signalbox clicks explain; replay them when it is mended",
    },
    OutcomeCode.BAD_REPLY: {
        "object": "AdLoad",
        "happened": "charges for social clicks, or its answers make no sense",
        "left": "ask AdLoad; the clicks are kept as errors and can be replayed",
    },
    "price_floor_above_cap": {
        "object": "prices",
        "happened": "a price has its floor above its cap, so every click pays the floor",
        "left": "find it with signalbox prices list --at now, and set another one",
    },
}
_told: dict[str, float] = {}
log = structlog.get_logger(__name__)


def tell(alarms: Mapping[str, int]) -> None:
    """Raise an incident for each of these causes, the same one at most once a minute from this process."""
    for name, clicks in alarms.items():
        log.error("click_alarm", alarm=name, clicks=clicks)
        if monotonic() - _told.get(name, float("-inf")) >= EVERY_SECONDS:
            words: dict[str, Any] = CAUSES[name]
            alerts.tell(str(name), str(today()), Severity.WARNING, **words)
            _told[name] = monotonic()


def settle() -> None:
    """Close what was seen on earlier days only."""
    for name in CAUSES:
        alerts.settle(str(name), [str(today())])
