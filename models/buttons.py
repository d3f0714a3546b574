"""Buttons under messages: what each one does to which object, until when it may be pressed, and who pressed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from models import bulk
from models.database import execute, fetch, is_postgres, pg_text_array
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class ButtonRow:
    """One button; `expected` is what the object must still be like, `allowed` who may press it, empty = anybody."""

    id: str
    action: str
    object: str
    expected: str
    allowed: tuple[int, ...]
    expires_at: datetime
    used_by: str | None = None
    used_at: datetime | None = None


_ROWS = bulk.Rows("id text, action text, object text, expected text, allowed json, expires_at instant")
_ADD = """
insert into telegram_button (id, action, object, expected, allowed, expires_at)
select id, action, object, expected, allowed, expires_at from {rows} where true on conflict (id) do nothing
"""
_COLUMNS = "id, action, object, expected, allowed, expires_at, used_by, used_at"
_ONE = "select {columns} from telegram_button where id = %s".replace("{columns}", _COLUMNS)
_USE = "update telegram_button set used_by = %s, used_at = %s where id = %s and used_at is null"
_LIVE = "select id, action from telegram_button where id {in:text} and used_at is null and expires_at > %s"
_FORGET = "delete from telegram_button where expires_at < %s"


def add(rows: Sequence[ButtonRow]) -> None:
    """Keep buttons, in the caller's transaction; one that is kept already stays as it is."""
    values = [
        (row.id, row.action, row.object, row.expected, orjson.dumps(row.allowed).decode(), row.expires_at)
        for row in rows
    ]
    _ROWS.run(_ADD, values)


def find(button_id: str) -> ButtonRow | None:
    """The button with this id."""
    rows = fetch(_ONE, (button_id,))
    return _read(rows[0]) if rows else None


def use(button_id: str, by: str, at: datetime) -> bool:
    """Note who pressed it; False if somebody did before."""
    return execute(_USE, (by, bind(at), button_id)) == 1


def live(ids: Iterable[str], at: datetime) -> dict[str, str]:
    """By id: the action of those that may be pressed still."""
    wanted = [str(one) for one in ids]  # they come from payloads, which hold any text
    among = pg_text_array(wanted) if is_postgres() else orjson.dumps(wanted).decode()
    return {str(row_id): str(action) for row_id, action in bulk.read(_LIVE, (among, bind(at)))}


def forget(before: datetime) -> int:
    """Delete buttons that expired before an instant; how many."""
    return execute(_FORGET, (bind(before),))


def _read(row: tuple[Any, ...]) -> ButtonRow:
    allowed = orjson.loads(row[4]) if isinstance(row[4], (str, bytes)) else row[4]
    used_at = None if row[7] is None else instant(row[7])
    return ButtonRow(row[0], row[1], row[2], row[3], tuple(allowed), instant(row[5]), row[6], used_at)
