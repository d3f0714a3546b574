"""What must hold of messages: what waits is published, what died is recorded, nothing kills worker after worker."""

from __future__ import annotations

from datetime import date

import orjson

from models import bulk
from models.database import is_postgres
from models.invariant_check import Check, Found, ago

OUTBOX_SECONDS = 60
DEAD_SECONDS = 60
CRASHES_MAX = 3

_WAITING = "select id, message_id, task, available_at from outbox where available_at < %s"
_QUEUED = (
    "select id, message_id, queue, available_at from queue_message where available_at < %s and lease_until is null"
)


def outbox_stands_still(since: date) -> Found:
    """I17: messages that should have been published (embedded: taken) a minute ago."""
    sql = _WAITING if is_postgres() else f"{_WAITING} union all {_QUEUED}"
    return bulk.read(sql, (ago(OUTBOX_SECONDS),) * (1 if is_postgres() else 2))


_DEAD = """
select id, message_id, task, body from dead_letter
where state = 'dead' and reason <> 'undecodable' and task in ('process_click', 'process_clicks') and first_seen_at < %s
"""
_STORED = """
select click_id from click where click_id {in:uuid} union select click_id from click_rejected where click_id {in:uuid}
union select click_id from click_error where click_id {in:uuid}
"""


def dead_clicks_unrecorded(since: date) -> Found:
    """I18: (dead letter, message, task, clicks) whose clicks have no row in any of the three stores."""
    lost = ((row[:3], _unstored(_click_ids(bytes(row[3])))) for row in bulk.read(_DEAD, (ago(DEAD_SECONDS),)))
    return [(*letter, ids) for letter, ids in lost if ids]


def _click_ids(body: bytes) -> list[str]:
    arguments = orjson.loads(body)["kwargs"]
    clicks = arguments.get("clicks") or [arguments.get("click")]
    return [click["click_id"] for click in clicks if isinstance(click, dict) and "click_id" in click]


def _unstored(ids: list[str]) -> list[str]:
    stored = {str(row[0]) for row in bulk.read(_STORED, (bulk.among(ids),) * 3)}
    return [click_id for click_id in ids if click_id not in stored]


_POISON = """
select p.message_id, p.crashes from poison p
where p.crashes > %s or (p.crashes >= %s and p.at < %s
    and not exists (select 1 from dead_letter d where d.message_id = p.message_id and d.reason = 'poison'))
"""


def poison_spreads(since: date) -> Found:
    """I20: messages that took more workers down than allowed, or that many without being put away."""
    return bulk.read(_POISON, (CRASHES_MAX, CRASHES_MAX, ago(DEAD_SECONDS)))


CHECKS = (
    Check("I17", "outbox stands still", "what waits in the outbox is published", outbox_stands_still),
    Check("I18", "dead clicks unrecorded", "a dead letter's clicks are recorded", dead_clicks_unrecorded),
    Check("I20", "poison spreads", "a message kills at most three workers", poison_spreads),
)
