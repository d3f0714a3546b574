"""Messages that order the telling of an incident: each has a ticket, and only the newest of an incident counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from config.clock import now
from core.announcing import OVERDUE
from models import announcements, incidents

SHORTEST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds between tries while Telegram does not answer."""


def ask(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Tickets for messages to be sent, (incident, ticket), in the caller's transaction; none while one waits."""
    return announcements.ask(ids, now(), OVERDUE)


def hear(alert_id: int, ticket: int) -> bool:
    """The message with this ticket has come; False if another one stands in its place, so that it is only a copy."""
    return announcements.hear(alert_id, ticket)


def again(alert_id: int, ticket: int, seconds: float) -> bool:
    """Keep the ticket for another try in so many seconds; False if another message waits already."""
    return announcements.wait(alert_id, ticket, now() + timedelta(seconds=seconds) + OVERDUE)


def pause(alert_id: int) -> float:
    """Seconds until the next try after a failure: as long as there has been something to tell, within limits."""
    incident = incidents.find(alert_id)
    age = (now() - incident.last_seen_at).total_seconds() if incident else 0.0
    return min(max(age, SHORTEST_PAUSE), LONGEST_PAUSE)


def speaker(alert_id: int) -> int:
    """The storm that speaks for an incident, or itself."""
    incident = incidents.find(alert_id)
    return incident.group_id if incident and incident.group_id is not None else alert_id
