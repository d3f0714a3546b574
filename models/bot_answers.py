"""What the bot still owes the chat: an answer is noted with its update, and forgotten when it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from models import bulk
from models.database import execute, fetch
from models.fields import bind

KEPT = timedelta(hours=24)
_OWE = """
insert into telegram_answer (update_id, news, answer, later, noted_at, claimed_until) values (%s, %s, %s, %s, %s, %s)
on conflict (update_id) do nothing
"""
_KEEP = "update telegram_answer set claimed_until = %s where update_id = %s and claimed_until > %s"
_TAKE = """
update telegram_answer set claimed_until = {instant} where claimed_until <= {instant} and update_id in (
    select update_id from telegram_answer where claimed_until <= {instant} order by update_id limit %s)
returning update_id, news, answer, later
"""
_ANY = "select 1 from telegram_answer limit 1"
_PAID = "delete from telegram_answer where update_id = %s"
_FORGET = "delete from telegram_answer where noted_at < %s"


@dataclass(frozen=True, slots=True)
class Owed:
    """What an update was and what is to be answered, as documents; `later` if it is yet to be found out."""

    update_id: int
    news: dict[str, Any]
    answer: dict[str, Any]
    later: bool


def owe(owed: Owed, at: datetime, until: datetime) -> None:
    """Note an answer, in the transaction of its update; whoever notes it gives it until then."""
    news, answer = (orjson.dumps(one).decode() for one in (owed.news, owed.answer))
    execute(_OWE, (owed.update_id, news, answer, owed.later, bind(at), bind(until)))


def keep(update_id: int, at: datetime, until: datetime) -> bool:
    """Go on to give an answer; False if the time for it was over, so that another process may be at it."""
    return execute(_KEEP, (bind(until), update_id, bind(at))) == 1


def take(at: datetime, until: datetime, most: int) -> list[Owed]:
    """Take answers on that nobody gave in time, the oldest first; what is a day old is forgotten."""
    if not fetch(_ANY):
        return []  # whoever listens asks often
    execute(_FORGET, (bind(at - KEPT),))
    return sorted((_owed(row) for row in bulk.read(_TAKE, (bind(until), bind(at), bind(at), most))), key=_number)


def paid(update_id: int) -> None:
    """The answer was given, or given up."""
    execute(_PAID, (update_id,))


def _number(owed: Owed) -> int:
    return owed.update_id


def _owed(row: Sequence[Any]) -> Owed:
    number, news, answer, later = row
    return Owed(int(number), _document(news), _document(answer), bool(later))


def _document(value: Any) -> dict[str, Any]:
    """PostgreSQL hands over a document, SQLite its text."""
    found: dict[str, Any] = orjson.loads(value) if isinstance(value, (str, bytes)) else value
    return found
