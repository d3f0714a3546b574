"""Telling operators: raising incidents beside the change they follow from, and announcing them in the chat."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from config.settings import get_settings
from core import alerts, announcing, operators_mail, tickets
from core.alerts import Severity
from core.announcing import Told
from integrations.errors import OutsideError, RateLimited, Unavailable
from models.database import db
from worker import bot_metrics
from worker.actor import actor
from worker.failures import Busy

__all__ = [
    "Severity",
    "acknowledge",
    "announce",
    "announce_alert",
    "note",
    "remind_of_alerts",
    "settle",
    "tell",
    "tell_all",
    "well",
]

TAKEN_SECONDS = 5.0
DEBTS_SECONDS = 2.0
log = structlog.get_logger(__name__)


def tell(kind: str, key: str, severity: Severity, **payload: Any) -> None:
    """Raise an incident and announce it, in one transaction; harmless to repeat, for it is then noted once more."""
    tell_all(kind, {key: payload}, severity)


def tell_all(kind: str, objects: Mapping[str, Mapping[str, Any]], severity: Severity) -> None:
    """The same for several objects, by key."""
    with db.atomic():
        announce(alerts.raise_all(kind, objects, severity))


def well(kind: str, *keys: str) -> None:
    """Close the incidents of these objects, if they have any, and say so."""
    with db.atomic():
        announce(alerts.resolve(kind, *keys))


def settle(kind: str, still: Iterable[str] = ()) -> None:
    """Close every incident of a kind except those of these keys, and say so."""
    with db.atomic():
        announce(alerts.settle(kind, still))


def acknowledge(alert_id: int, by: str) -> bool:
    """Note who looks after an incident, and say so; False if somebody did before, or it is over."""
    with db.atomic():
        done = alerts.acknowledge(alert_id, by)
        announce([alert_id] if done else [])
    return done


def note(alert_id: int, text: str) -> bool:
    """Let the message of an incident say what somebody did about it; False if there is no such incident."""
    with db.atomic():
        done = alerts.note(alert_id, text)
        announce([alert_id] if done else [])
    return done


@actor
def announce_alert(alert_id: int, ticket: int | None = None) -> None:
    """Bring the operators' message about one incident up to date; without a bot it is only logged."""
    if ticket is None:
        _tell(alert_id)
    elif not tickets.hear(alert_id, ticket):
        log.info("alert_announced", alert_id=alert_id, result="another message waits in its place")
    elif (storm := tickets.speaker(alert_id)) != alert_id:
        announce([storm])
    else:
        _tell_with_ticket(alert_id, ticket)


def _tell_with_ticket(alert_id: int, ticket: int) -> None:
    """Whatever fails is tried again by one message, however many ask for it and however long it fails."""
    try:
        _tell(alert_id)
    except (Busy, Unavailable) as error:
        seconds = _wait_after(error, alert_id)
        if tickets.again(alert_id, ticket, seconds):
            raise Busy(seconds) from error


def _wait_after(error: Busy | Unavailable, alert_id: int) -> float:
    if isinstance(error, Busy):
        return error.seconds
    return error.retry_after if isinstance(error, RateLimited) else tickets.pause(alert_id)


def _tell(alert_id: int) -> None:
    with bot_metrics.counted():
        told = announcing.announce(alert_id)
    log.info("alert_announced", alert_id=alert_id, result=told.value)
    if told is Told.TAKEN:
        raise Busy(TAKEN_SECONDS)
    if told is Told.MORE:
        announce([alert_id])


@actor
def remind_of_alerts() -> int:
    """Repeat critical incidents that nobody has acknowledged, announce what was lost, mail what the chat misses."""
    with db.atomic():
        late = alerts.gather_backlog()
        found = announcing.due()
        announce({*late, *found})
    _mail_untold()
    _settle_debts()
    return len(found)


def _settle_debts() -> None:
    """Where updates are delivered, nobody listens who would find the answers that a dead process left."""
    from worker import bot_talk

    port = announcing.chat_bot(get_settings())
    if port is not None:
        bot_talk.settle_debts(port, time.sleep, DEBTS_SECONDS)


def _mail_untold() -> None:
    """Mail reaches operators while the chat does not; without mail they read it when the chat is back."""
    try:
        count = operators_mail.tell_untold()
    except OutsideError as error:
        log.warning("operators_not_mailed", error=type(error).__name__)
        return
    if count:
        log.warning("operators_mailed", incidents=count)


def announce(ids: Iterable[int]) -> None:
    """Send what tells of these incidents: one message each waits, however often and however long it is asked for."""
    with db.atomic():
        for alert_id, ticket in tickets.ask(ids):
            announce_alert.send_with_options(kwargs={"alert_id": alert_id, "ticket": ticket})
