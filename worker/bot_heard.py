"""What an update was and what is answered; who says it, where, and how an attempt that is not allowed is noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import structlog

from config.clock import now
from config.settings import get_settings
from core.bot.people import Role
from core.bot.updates import Pressed, Said
from core.domains.persons import By, record
from integrations.telegram_text import shown
from models import rate_buckets
from models.bot_people import Linked
from models.rate_buckets import Exhausted, Limit
from worker.bot_commands import Page
from worker.bot_words import group

NOT_LINKED = "not linked; ask an admin for a code, then send /link CODE"
NOT_HERE = "not here; in the group of the operators"
STRANGERS = Limit("telegram:strangers", 0.1, 10)
"""Anybody may write to a bot; beyond this many, strangers are neither answered nor noted."""
log = structlog.get_logger(__name__)


class Place(Enum):
    """Where something was said."""

    GROUP = auto()
    PRIVATE = auto()
    ELSEWHERE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be said: `toast` ends the waiting of who pressed, `page` answers a message, `edit` replaces one."""

    toast: str = ""
    page: Page | None = None
    edit: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an update was, and what is to be answered; `later` is what may take longer, and answers besides."""

    news: Said | Pressed
    answer: Answer = field(default_factory=Answer)
    later: Callable[[], Answer] | None = None


def place_of(news: Said | Pressed) -> Place:
    """Whether it was said among operators, to the bot alone, or anywhere else."""
    if news.chat_id in group(get_settings().telegram_chat_id):
        return Place.GROUP
    return Place.PRIVATE if news.private and news.chat_id == news.person_id else Place.ELSEWHERE


def by_of(news: Said | Pressed, person: Linked | None) -> By:
    """Who acts, as the audit log names them."""
    name = person.name if person else f"telegram:{news.person_id}"
    return By(name, kind="telegram", request_id=f"telegram:{news.update_id}")


def said(news: Said | Pressed, words: str) -> Answer:
    """Words as the answer that fits: under the thumb of who pressed, below the message of who wrote."""
    if isinstance(news, Pressed):
        return Answer(toast=words)
    return Answer(page=Page(shown(words)) if words else None)


def why(error: Exception) -> str:
    """A refusal in its own words."""
    return str(error.args[0] if error.args else error)


def refuse(news: Said | Pressed, person: Linked | None, reason: str, words: str) -> Heard | None:
    """Note an attempt that was not allowed, and say so, unless there are too many of them."""
    try:
        rate_buckets.take([STRANGERS], now())
    except Exhausted:
        log.warning("telegram_attempts_not_noted")
        return None
    what = "press" if isinstance(news, Pressed) else "command"
    record(by_of(news, person), "bot.refused", f"{what}:{news.chat_id}", reason=reason)
    return Heard(news, said(news, words))


def lacks(news: Said | Pressed, person: Linked, needed: Role) -> Heard | None:
    """The refusal of somebody whose role does not reach."""
    return refuse(news, person, f"role {person.role}", f"only for {needed}; you are {person.role}")
