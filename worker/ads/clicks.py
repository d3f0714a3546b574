"""Clicks: deciding them, finishing what waits for AdLoad, draining the spool, replaying faults, the blacklist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from config.clock import today
from config.settings import get_settings
from core.ads import admission, blacklist, errors_replay, faults, lost_clicks, pending_clicks
from core.ads.drivers import driver
from core.ads.outcomes import Tally
from core.ads.spool import Spool
from models import partitions
from models.click_errors import ErrorFilter
from models.database import db
from worker import alerts, events, metrics
from worker.actor import actor
from worker.ads import click_alarms
from worker.alerts import Severity
from worker.shared import DeadMessage, gave_up

SPOOL_BATCH = 100
log = structlog.get_logger(__name__)


@actor
def process_click(click: dict[str, Any]) -> int:
    """Decide one click: check it, have AdLoad charge it, count, reject or park it."""
    return _told(admission.admit_bodies([click], driver()))


@actor
def process_clicks(clicks: list[dict[str, Any]]) -> int:
    """Decide up to 500 clicks in one transaction, exactly as one by one."""
    return _told(admission.admit_bodies(clicks, driver()))


@actor
def finish_pending_clicks() -> int:
    """Charge clicks that were interrupted, or that AdLoad could not take when they came."""
    return _told(pending_clicks.finish(driver()))


@actor
def replay_spool() -> int:
    """Hand over clicks that redirects wrote to this host's disk while broker and database were down."""
    directory = get_settings().spool_dir
    if directory is None or not directory.is_dir():
        return 0
    spool = Spool(directory)
    try:
        return sum(_drain(spool, path) for path in spool.dead_files())
    finally:
        spool.close()


def _drain(spool: Spool, path: Path) -> int:
    """The outbox holds the clicks before the file goes, so a crash in between only repeats them."""
    claimed = spool.claim(path)
    if claimed is None:
        return 0
    found = spool.read(claimed)
    _send_clicks([dict(click) for click in found.clicks])
    spool.delete(claimed)
    log.info("spool_file_drained", clicks=len(found.clicks), torn=found.torn)
    return len(found.clicks)


def _send_clicks(bodies: Sequence[dict[str, Any]]) -> None:
    waiting = iter(bodies)
    while chunk := list(islice(waiting, SPOOL_BATCH)):
        with db.atomic():
            process_clicks.send(clicks=chunk)


@actor
def replay_click_errors(
    click_ids: list[str] | None = None,
    code: str | None = None,
    campaign_id: int | None = None,
    since: str | None = None,
    until: str | None = None,
    first_day: str | None = None,
    last_day: str | None = None,
    informer_id: int | None = None,
    rate: int = 100,
    by: str = "replay",
) -> int:
    """Send clicks that failed for a fault through all checks again, `rate` a second, at the price of their own time."""
    times = _instant(since), _instant(until), _day(first_day), _day(last_day)
    wanted = ErrorFilter(tuple(click_ids or ()), code, campaign_id, *times, informer_id)
    if refused := errors_replay.refused(wanted):
        log.warning("click_replay_refused", clicks=refused, reason="the day is past its time; use an adjustment")
    total = 0
    while count := _replay_some(wanted, by, rate, total):
        total += count
    return total


def _replay_some(wanted: ErrorFilter, by: str, rate: int, before: int) -> int:
    """A message of at most one second's clicks, due when those before it have had their time."""
    with db.atomic():
        bodies = errors_replay.take(wanted, by=by, limit=min(errors_replay.BATCH, rate))
        if bodies:
            process_clicks.send_with_options(kwargs={"clicks": bodies}, delay=before * 1000 // rate or None)
    return len(bodies)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@actor
def clean_ip_blacklist() -> int:
    """Take networks off the blacklist that have broken no rule for four weeks, and entries that have run out."""
    return blacklist.clean()


@actor
def keep_click_partitions() -> int:
    """Keep a week of future day partitions, so that no click meets a missing one."""
    made = partitions.keep_ahead()
    _judge(partitions.days_ahead())
    return made


def _judge(ahead: int) -> None:
    if ahead >= 2:
        alerts.well("click_partitions_short", "click")
        return
    log.error("click_partitions_short", days_ahead=ahead)
    alerts.tell(
        "click_partitions_short", "click", Severity.CRITICAL, object="tables of clicks",
        happened=f"partitions for {ahead} days ahead, 2 are needed", left="clicks of a day without one become errors",
    )  # fmt: skip


@gave_up
def record_dead_clicks(letter: DeadMessage) -> None:
    """Keep the clicks of a message that was given up as faults, where they can be seen and replayed."""
    bodies = letter.kwargs.get("clicks")
    tally = faults.store_dead(bodies if isinstance(bodies, list) else [letter.kwargs.get("click")], letter.reason)
    log.error("clicks_given_up", clicks=tally.total("error"), reason=letter.reason, message_id=letter.message_id)
    if lost := tally.total("error"):
        _tell_of_lost(lost, letter.reason)


def _tell_of_lost(clicks: int, reason: str) -> None:
    alerts.tell(
        lost_clicks.KIND, lost_clicks.of_messages(), Severity.CRITICAL, object=f"clicks of {today()}",
        happened=f"{clicks} clicks of one message were given up: {reason}",
        left="they are kept as errors and can be replayed",
    )  # fmt: skip


def _told(tally: Tally) -> int:
    """Say what a person must know; the number of clicks for the books."""
    metrics.count_clicks(tally.counts)
    click_alarms.tell(tally.alarms)
    events.announce_clicks(tally.done)
    return tally.counts.total()
