"""Who may speak with the bot and in what role: one-time codes link an account in Telegram to a person."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum

from config.clock import now
from core.domains.persons import By, Refused, record
from models import bot_people, conflicts
from models.bot_people import Linked

CODE_HOURS = 1
LONGEST_NAME = 40
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_LETTERS = 10


class Role(StrEnum):
    """A viewer reads, an operator acts, an admin also starts tasks."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role includes the other."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def find(telegram_id: int) -> Linked | None:
    """The person behind an account in Telegram, if it is linked."""
    return bot_people.find(telegram_id)


def listed() -> list[Linked]:
    """Everybody who is linked."""
    return bot_people.listed()


def invite(name: str, role: Role, by: By) -> str:
    """A code that links whoever sends it first as this person; it ends after an hour, older ones at once."""
    person, code = _named(name), "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    conflicts.transaction(lambda: _invite(person, role, code, by))
    return f"{code[:5]}-{code[5:]}"


def _invite(name: str, role: Role, code: str, by: By) -> None:
    record(by, "bot.invite", f"person:{name}", role=role.value)
    bot_people.invite(_digest(code), name, role.value, now() + timedelta(hours=CODE_HOURS), now())


def link(code: str, telegram_id: int, by: By) -> Linked:
    """Let an account speak for the person that the code was made for, in the caller's transaction; raises Refused."""
    found = bot_people.redeem(_digest(code), now())
    if found is None:
        raise Refused("code: it is unknown, used or too old; ask for another")
    name, role = found
    record(by, "bot.link", f"person:{name}", role=role, telegram=str(telegram_id))
    bot_people.link(telegram_id, name, role, now())
    return Linked(telegram_id, name, role, now())


def unlink(name: str, by: By) -> bool:
    """Nobody speaks for this person any more; False if nobody did."""
    return conflicts.transaction(lambda: _unlink(_named(name), by))


def _unlink(name: str, by: By) -> bool:
    record(by, "bot.unlink", f"person:{name}")
    return bot_people.unlink(name, now())


def _digest(code: str) -> str:
    text = "".join(letter for letter in code.upper() if letter in _ALPHABET)
    return hashlib.sha256(text.encode()).hexdigest()


def _named(name: str) -> str:
    text = name.strip()
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise Refused(f"name: write 1 to {LONGEST_NAME} printable characters")
    return text
