"""Clicks that cannot be decided because their message is broken or the database refuses them: kept for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from peewee import IntegrityError

from config.clock import now
from config.settings import get_settings
from core.ads import clicks as messages
from core.ads import days
from core.ads.clicks import BadClick, ClickMessage
from core.ads.outcomes import Fault, Stage, Tally
from core.ads.recording import json_text, mark
from models import archive, click_writes, clicks, conflicts, partitions
from models.archive import ArchiveState

NEWEST = timedelta(days=1)
"""Clicks from further in the future are not plausible."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that is no usable click, and what is wrong with it."""

    body: Any
    problem: str
    stage: Stage = Stage.DECODE


def read(bodies: object) -> tuple[list[ClickMessage], list[Broken]]:
    """The clicks of a message, and what in it is none."""
    if not isinstance(bodies, Sequence) or isinstance(bodies, (str, bytes)):
        return [], [Broken(bodies, "clicks: not a list")]
    good: list[ClickMessage] = []
    broken: list[Broken] = []
    for body in bodies:
        try:
            good.append(_decode(body))
        except BadClick as error:
            broken.append(Broken(_readable(body), str(error)))
    return good, broken


def _decode(body: object) -> ClickMessage:
    if isinstance(body, bytes):
        body = _readable(body)
    if not isinstance(body, Mapping):
        raise BadClick("message", "not a JSON object")
    return messages.decode(body)


def _readable(body: Any) -> Any:
    if not isinstance(body, bytes):
        return body
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def oldest(at: datetime) -> datetime:
    """Clicks from before are not plausible, and their day may be in the archive."""
    first = (at - timedelta(days=get_settings().archive_after_days)).date()
    return datetime(first.year, first.month, first.day, tzinfo=UTC)


def split_by_date(clicks: Sequence[ClickMessage], at: datetime) -> tuple[list[ClickMessage], list[Broken]]:
    """Clicks of plausible times, and the others."""
    first, last = oldest(at), at + NEWEST
    usable = [click for click in clicks if first <= click.clicked_at <= last]
    if len(usable) == len(clicks):
        return usable, []
    back = archive.days_in("click", (ArchiveState.RESTORED,))
    others = [click for click in clicks if not first <= click.clicked_at <= last]
    usable += [click for click in others if click.clicked_at.date() in back]
    others = [click for click in others if click.clicked_at.date() not in back]
    return usable, [Broken(messages.payload(click), "clicked_at: out of range") for click in others]


def store(broken: Sequence[Broken], at: datetime) -> Tally:
    """Keep broken messages as faults, unless their clicks were decided before; repeating it changes nothing."""
    tally = Tally()
    if broken:
        rows = {row[1]: row for row in (_row(item, at) for item in broken)}
        # a click without a usable time is stored under today, which is another day when the message comes again
        decided = clicks.decided(rows)
        fresh = [row for click_id, row in rows.items() if click_id not in decided]
        if fresh:
            _insert(fresh, at)
            tally.add(f"error.{Fault.INTERNAL}", len(fresh))
        if len(fresh) < len(broken):
            tally.add("duplicate", len(broken) - len(fresh))
    return tally


def _insert(rows: list[tuple[Any, ...]], at: datetime) -> None:
    try:
        conflicts.transaction(lambda: _write(rows, at))
    except IntegrityError as error:
        if not conflicts.lacks_partition(error):
            raise
        make_partitions(row[0] for row in rows)
        conflicts.transaction(lambda: _write(rows, at))


def _write(rows: list[tuple[Any, ...]], at: datetime) -> None:
    click_writes.insert_errors(rows, at)
    mark((days.microseconds(row[2]) for row in rows), get_settings().local_timezone, at)


def make_partitions(of_days: Iterable[date]) -> None:
    """A click must not be lost for a missing day."""
    for day in sorted(set(of_days)):
        partitions.keep_ahead(day, day)


def store_dead(bodies: Sequence[Any], reason: str) -> Tally:
    """Keep the clicks of a message that was given up, unless they were decided after all."""
    return store([Broken(body, f"the message was given up: {reason}", Stage.QUEUE) for body in bodies], now())


def store_refused(click: ClickMessage, error: Exception) -> tuple[str, str]:
    """Keep a click that the database refuses; its code and message."""
    at, problem = now(), f"the database refused the click: {conflicts.describe(error)}"
    store([Broken(messages.payload(click), problem, Stage.RECORD)], at)
    return Fault.INTERNAL.value, problem


def _row(item: Broken, at: datetime) -> tuple[Any, ...]:
    body = item.body if isinstance(item.body, Mapping) else {}
    clicked_at = _clicked_at(body.get("clicked_at"), at)
    return (
        clicked_at.date(), _click_id(body.get("click_id"), item.body), clicked_at, None, None, item.stage.value,
        Fault.INTERNAL.value, item.problem[:500].replace("\0", ""), _payload(item.body), 1, "open",
    )  # fmt: skip


def _clicked_at(value: object, at: datetime) -> datetime:
    """The click's own time in UTC if it has a plausible one, else now."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not oldest(at) <= found <= at + NEWEST:
        return at
    return found.astimezone(UTC)


def _click_id(value: object, body: object) -> str:
    """The click's id, or one that the content alone decides, so that a redelivery finds it again."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        return str(UUID(bytes=sha256(_payload(body).encode()).digest()[:16]))


def _payload(body: object) -> str:
    try:
        return json_text(body)
    except TypeError:  # text that is not valid Unicode
        return json_text({"unreadable": ascii(body)})
