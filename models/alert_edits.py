"""Incidents beside their raising: the latest of an object, new words for it, and those that nobody was told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from models import alerts, incidents
from models.database import fetch
from models.fields import bind
from models.incidents import Incident

_LATEST = "select max(id) from alert where kind = %s and dedupe_key = %s"
_REWRITE = """
update alert set payload = %s, version = version + 1 where id = %s and resolved_at is null returning id, group_id
"""
_OPEN = "select dedupe_key, payload from alert where kind = %s and resolved_at is null order by id"
_UNTOLD = """
select a.id from alert a left join alert g on g.id = a.group_id
where a.message_id is null and a.announced_at is null and a.resolved_at is null and a.kind <> 'storm'
    and a.severity <> 'info' and a.first_seen_at < %s and g.message_id is null and g.announced_at is null
order by a.id limit %s
"""


def latest(kind: str, key: str) -> Incident | None:
    """The newest incident of an object, open or over."""
    found = fetch(_LATEST, (kind, key))[0][0]
    return None if found is None else incidents.find(int(found))


def rewrite(alert_id: int, payload: dict[str, Any]) -> list[int]:
    """Let an open incident say something else, without having been seen again; ids of the rows to announce."""
    rows = fetch(_REWRITE, (orjson.dumps(payload).decode(), alert_id))
    storms = [int(group) for _, group in rows if group is not None]
    if storms:
        alerts.touch(storms)
    return storms or [int(row_id) for row_id, _ in rows]


def open_words(kind: str) -> dict[str, dict[str, Any]]:
    """What is open of a kind: by key, what it says."""
    return {str(key): _document(payload) for key, payload in fetch(_OPEN, (kind,))}


def _document(value: Any) -> dict[str, Any]:
    """PostgreSQL hands over a document, SQLite its text."""
    found: dict[str, Any] = orjson.loads(value) if isinstance(value, (str, bytes)) else value
    return found


def untold(before: datetime, most: int) -> list[int]:
    """Open incidents that began before then and that nobody was told of, neither alone nor in a storm."""
    return [int(row_id) for (row_id,) in fetch(_UNTOLD, (bind(before), most))]
