"""People who may speak with the bot, and the one-time codes that link them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import execute, fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Linked:
    """A person and the account in Telegram that speaks for them."""

    telegram_id: int
    name: str
    role: str
    linked_at: datetime


_ONE = "select telegram_id, name, role, linked_at from telegram_person where telegram_id = %s and unlinked_at is null"
_ALL = "select telegram_id, name, role, linked_at from telegram_person where unlinked_at is null order by name"
_REPLACE = """
update telegram_person set unlinked_at = %s where (telegram_id = %s or name = %s) and unlinked_at is null
"""
_LINK = "insert into telegram_person (telegram_id, name, role, linked_at) values (%s, %s, %s, %s)"
_UNLINK = "update telegram_person set unlinked_at = %s where name = %s and unlinked_at is null"
_VOID = "update telegram_code set used_at = %s where name = %s and used_at is null"
_INVITE = "insert into telegram_code (hash, name, role, expires_at) values (%s, %s, %s, %s)"
_REDEEM = """
update telegram_code set used_at = %s where hash = %s and used_at is null and expires_at > %s returning name, role
"""


def find(telegram_id: int) -> Linked | None:
    """The person behind an account, if it is linked."""
    rows = fetch(_ONE, (telegram_id,))
    return _linked(rows[0]) if rows else None


def listed() -> list[Linked]:
    """Everybody who is linked, by name."""
    return [_linked(row) for row in fetch(_ALL)]


def invite(digest: str, name: str, role: str, expires_at: datetime, at: datetime) -> None:
    """Keep the digest of a new code, in the caller's transaction; older codes of that name end."""
    execute(_VOID, (bind(at), name))
    execute(_INVITE, (digest, name, role, bind(expires_at)))


def redeem(digest: str, at: datetime) -> tuple[str, str] | None:
    """Use a code up: name and role; None if it is unknown, used or too old."""
    rows = fetch(_REDEEM, (bind(at), digest, bind(at)))
    return (str(rows[0][0]), str(rows[0][1])) if rows else None


def link(telegram_id: int, name: str, role: str, at: datetime) -> None:
    """Let an account speak for a person, in the caller's transaction; whatever either was linked to ends."""
    execute(_REPLACE, (bind(at), telegram_id, name))
    execute(_LINK, (telegram_id, name, role, bind(at)))


def unlink(name: str, at: datetime) -> bool:
    """Nobody speaks for this person any more, and no code is left; False if nobody did."""
    execute(_VOID, (bind(at), name))
    return execute(_UNLINK, (bind(at), name)) > 0


def _linked(row: tuple[Any, ...]) -> Linked:
    return Linked(int(row[0]), str(row[1]), str(row[2]), instant(row[3]))
