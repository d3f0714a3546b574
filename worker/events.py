"""Changes of the business, told to whoever has subscribed: a durable topic exchange in RabbitMQ, else a log line."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog

from config.clock import now
from config.ids import new_id
from config.settings import get_settings
from worker.actor import actor
from worker.failures import BadMessage

if TYPE_CHECKING:
    from worker.broker import HardenedRabbitmqBroker

EXCHANGE = "signalbox.events"
KEYS = ("campaign.start", "campaign.stop", "campaign.update", "informer.update", "account.update", "action.click")
VERSION = 1
UNASKED_SECONDS = 5.0
MOST_CLICKS = 500
log = structlog.get_logger(__name__)


def announce(key: str, **data: Any) -> None:
    """Tell subscribers of a change; call it in the transaction of the change, so that both happen or neither.

    The data are ids and plain values, never personal data. A subscriber may get a document twice, with the same id.
    """
    publish_event.send(key=key, document=document(key, data))


def document(key: str, data: dict[str, Any]) -> dict[str, Any]:
    """The JSON document of an event; raises ValueError for a key that subscribers do not know."""
    if key not in KEYS:
        raise ValueError(f"unknown event {key!r}; known are {', '.join(KEYS)}")
    return {"id": str(new_id()), "schema": f"signalbox.{key}/{VERSION}", "at": now().isoformat(), "data": data}


@actor
def publish_event(key: str, document: dict[str, Any]) -> None:
    """Publish a change of a campaign, informer or account to subscribers; the embedded mode only logs it."""
    if key not in KEYS:
        raise BadMessage(f"unknown event {key!r}")
    if get_settings().embedded:
        log.info("event_published", key=key, event_id=document.get("id"), data=document.get("data"))
    else:
        _broker().publish(key, orjson.dumps(document), EXCHANGE)


def announce_clicks(clicks: list[dict[str, Any]]) -> None:
    """Tell subscribers of counted clicks, without waiting: an event that is lost is not sent again."""
    for first in range(0, len(clicks), MOST_CLICKS):
        _announce_some(clicks[first : first + MOST_CLICKS])


def _announce_some(clicks: list[dict[str, Any]]) -> None:
    told = document("action.click", {"clicks": clicks})
    if get_settings().embedded:
        log.info("event_published", key="action.click", event_id=told["id"], clicks=len(clicks))
        return
    sent = _broker().publisher.publish("action.click", orjson.dumps(told), UNASKED_SECONDS, EXCHANGE)
    sent.add_done_callback(_note_loss)


def _note_loss(sent: Future[None]) -> None:
    if error := sent.exception():
        log.info("click_event_lost", error=type(error).__name__)


def _broker() -> HardenedRabbitmqBroker:
    return cast("HardenedRabbitmqBroker", publish_event.broker)
