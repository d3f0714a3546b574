"""Old days: out of the live tables into the archive, addresses erased, refusals and settled faults dropped."""

from __future__ import annotations

from datetime import date, timedelta

import structlog
from dramatiq.middleware import CurrentMessage

from core.ads import archive, privacy
from core.ads.archive import Turn
from models.database import db
from worker import alerts
from worker.actor import actor
from worker.alerts import Severity

# the lease of this run is given back before the next message of the chain is due
NEXT = timedelta(seconds=2)
log = structlog.get_logger(__name__)


@actor
def archive_old_stats(after: str | None = None) -> int:
    """Move the oldest day that is past its time into the archive, then go on with the next one."""
    turn = archive.step(date.fromisoformat(after) if after else None)
    _tell(turn)
    if turn.more and turn.day:
        _go_on(turn.day)
    return sum(turn.moved.values()) + turn.purged


@actor
def erase_old_addresses() -> int:
    """Erase the addresses of clicks older than IP_RETENTION_DAYS, in the archive too; a keyed hash takes their place.

    While the archive is being worked on, the run fails and is tried again.
    """
    return privacy.erase_addresses()


@actor
def drop_old_rejections() -> int:
    """Drop refused clicks and settled click errors that have been kept long enough."""
    days, errors = privacy.drop_old_refusals()
    log.info("old_refusals_dropped", days=days, errors=errors)
    return days + errors


def _go_on(day: date) -> None:
    current = CurrentMessage.get_current_message()
    with db.atomic():
        archive_old_stats.send_with_options(
            kwargs={"after": day.isoformat()},
            delay=NEXT,
            dedupe_key=f"archive:{day}",
            follows=current.message_id if current else None,
        )


def _tell(turn: Turn) -> None:
    if turn.refusal:
        log.error("day_not_archived", day=str(turn.day), reason=turn.refusal.reason, differences=turn.refusal.details)
        alerts.tell(
            "day_not_archived", str(turn.day), Severity.WARNING, object=f"clicks of {turn.day}",
            happened=turn.refusal.reason, left="the day stays where it is, and is tried again tomorrow",
            evidence=[f"{name}: {values}" for name, values in turn.refusal.details.items()],
        )  # fmt: skip
    if turn.moved:
        log.info("day_archived", day=str(turn.day), **turn.moved)
        alerts.well("day_not_archived", str(turn.day))
    if turn.purged:
        log.info("archive_purged", tables=turn.purged)
