"""Incidents of all areas: one open row per kind and object, storms told as one, acknowledged by people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from config.clock import now
from models import alerts as rows
from models import mutes
from models.alerts import STORM, STORM_WINDOW, News, Raised, Severity
from models.conflicts import transaction

__all__ = ["Severity", "acknowledge", "gather_backlog", "note", "raise_alert", "raise_all", "resolve", "settle"]

MOST_SINGLE = 5
"""So many new incidents within a minute are told one by one; more are one storm."""
LONGEST_KEY = 500
TOLD_WITHIN = timedelta(minutes=2)
_LOUDNESS = {Severity.INFO: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


def raise_alert(kind: str, key: str, severity: Severity, payload: Mapping[str, Any]) -> list[int]:
    """Something is wrong with an object: open its incident or note it once more; ids of the rows to announce.

    `key` names object and cause. The payload says what to tell in plain values: object, happened, done, left, evidence.
    """
    return raise_all(kind, {key: payload}, severity)


def raise_all(kind: str, objects: Mapping[str, Mapping[str, Any]], severity: Severity) -> list[int]:
    """The same for several objects at once, by key."""
    loud = _heard(kind, severity)
    news = [News(kind, _key(key), loud, _storable(dict(payload))) for key, payload in objects.items()]
    return transaction(lambda: _raise(news)) if news else []


def _heard(kind: str, severity: Severity) -> Severity:
    """A kind that operators do not want to hear of for a while goes to the digest, unless it is critical."""
    quiet = severity is Severity.WARNING and mutes.muted(kind, now())
    return Severity.INFO if quiet else severity


def resolve(kind: str, *keys: str) -> list[int]:
    """These are well again; ids of the rows to announce."""
    return transaction(lambda: _closed(rows.resolve(kind, [_key(key) for key in keys], now())))


def settle(kind: str, still: Iterable[str] = ()) -> list[int]:
    """Everything of a kind is well again except these keys; ids of the rows to announce."""
    return transaction(lambda: _closed(rows.settle(kind, [_key(key) for key in still], now())))


def acknowledge(alert_id: int, by: str) -> bool:
    """Somebody looks after it, so that it is repeated no more; False if somebody did before, or it is over."""
    return rows.acknowledge(alert_id, by, now())


def note(alert_id: int, text: str) -> bool:
    """Let the message of an incident say what somebody did about it; False if there is no such incident."""
    return rows.note(alert_id, str(_storable(text)))


def gather_backlog() -> list[int]:
    """Make one storm of incidents that piled up untold, so that the chat gets one message and not the backlog."""
    return transaction(_gather)


def _raise(news: list[News]) -> list[int]:
    raised = rows.raise_all(news, now())
    storms = {one.group_id for one in raised if one.group_id is not None}
    if storms:
        rows.stir(sorted(storms))
        rows.touch(sorted(storms))
    fresh = [one for one in raised if one.fresh and one.severity is not Severity.INFO]
    if fresh and rows.fresh_since(now() - STORM_WINDOW) > MOST_SINGLE:
        storm = _storm([(one.id, one.severity) for one in fresh])
        return sorted(_alone(raised) - {one.id for one in fresh} | storms | {storm})
    return sorted(_alone(raised) | storms)


def _alone(raised: list[Raised]) -> set[int]:
    return {one.id for one in raised if one.group_id is None and one.severity is not Severity.INFO}


def _storm(incidents: list[tuple[int, Severity]]) -> int:
    """Let one row speak for all of these; its severity is that of the gravest."""
    severity = max((one for _, one in incidents), key=_LOUDNESS.__getitem__)
    (storm,) = rows.raise_all([News(STORM, rows.storm_key(now()), severity, {})], now())
    rows.join(storm.id, [row_id for row_id, _ in incidents])
    return storm.id


def _gather() -> list[int]:
    waiting = rows.backlog(now() - TOLD_WITHIN)
    return [_storm(waiting)] if len(waiting) > MOST_SINGLE else []


def _key(key: str) -> str:
    return str(_storable(key))[:LONGEST_KEY]


def _storable(value: Any) -> Any:
    """The value without what no database can hold: the outside may say anything."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(value, dict):
        return {_storable(name): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value


def _closed(closed: list[tuple[int, int | None]]) -> list[int]:
    storms = sorted({group for _, group in closed if group is not None})
    if storms:
        rows.calm(storms, now())
        rows.touch(storms)
    return sorted({group or row_id for row_id, group in closed})
