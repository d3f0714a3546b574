"""One update from the chat: each is handled once, whoever sent it is known or refused, and acts leave audit rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import structlog

from config.clock import now
from config.settings import get_settings
from core.bot import commands, people, updates
from core.bot.commands import VERBS, Command
from core.bot.people import Role
from core.bot.updates import Pressed, Said
from core.buttons import Action
from core.domains.persons import AlreadyChanged, By, Refused, record
from integrations.telegram_text import shown
from models import alerts as alert_rows
from models import bot_updates, buttons, rate_buckets
from models.bot_people import Linked
from models.buttons import ButtonRow
from models.conflicts import transaction
from models.database import db
from models.rate_buckets import Exhausted, Limit
from worker import alerts, bot_actions, bot_commands
from worker.bot_commands import Page
from worker.bot_words import clock, group
from worker.failures import is_database_down, trace_of

NOT_LINKED = "not linked; ask an admin for a code, then send /link CODE"
EXPIRED = "this button has expired; use a command, or wait for the next message"
NOT_HERE = "not here; in the group of the operators"
FAILED = "that did not work; the log says why"
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
    """What an update was, and what is to be answered; `question` is a command that only reads."""

    news: Said | Pressed
    answer: Answer = field(default_factory=Answer)
    question: tuple[Command, Linked] | None = None


def handle(update: Any) -> Heard | None:
    """Do what an update asks for, once however often it comes; None if there is nothing to answer.

    Raises what a database raises that is not there; then the update counts as not handled.
    """
    number, news = updates.number_of(update), updates.read(update)
    if number is None:
        return None
    try:
        heard = transaction(lambda: _once(number, news))
        return heard and _read(heard)
    except Exception as error:
        if is_database_down(error):
            raise
        log.error("telegram_update_failed", error=type(error).__name__, trace=trace_of(error))
        transaction(lambda: bot_updates.take(number, now()))  # or it would come again for ever
        return news and Heard(news, _said(news, FAILED))


def _once(number: int, news: Said | Pressed | None) -> Heard | None:
    if not bot_updates.take(number, now()) or news is None:
        return None
    command = commands.parse(news.text) if isinstance(news, Said) else None
    if isinstance(news, Said) and command is None:
        return None
    return _heard(news, command)


def _heard(news: Said | Pressed, command: Command | None) -> Heard | None:
    place, person = _place(news), people.find(news.person_id)
    if place is Place.ELSEWHERE:
        return _refuse(news, person, "another chat", NOT_HERE if isinstance(news, Pressed) else "")
    if command is not None and command.verb == "link":
        return _link(news, command)
    if person is None:
        return _refuse(news, person, "not linked", NOT_LINKED)
    if isinstance(news, Pressed):
        return _pressed(news, person, place)
    assert command is not None, "a message without a command was left out above"
    return _commanded(news, command, person, place)


def _place(news: Said | Pressed) -> Place:
    if news.chat_id in group(get_settings().telegram_chat_id):
        return Place.GROUP
    return Place.PRIVATE if news.private and news.chat_id == news.person_id else Place.ELSEWHERE


def _refuse(news: Said | Pressed, person: Linked | None, why: str, words: str) -> Heard | None:
    """Note an attempt that was not allowed, and say so, unless there are too many of them."""
    try:
        rate_buckets.take([STRANGERS], now())
    except Exhausted:
        log.warning("telegram_attempts_not_noted")
        return None
    what = "press" if isinstance(news, Pressed) else "command"
    record(_by(news, person), "bot.refused", f"{what}:{news.chat_id}", reason=why)
    return Heard(news, _said(news, words))


def _by(news: Said | Pressed, person: Linked | None) -> By:
    name = person.name if person else f"telegram:{news.person_id}"
    return By(name, kind="telegram", request_id=f"telegram:{news.update_id}")


def _said(news: Said | Pressed, words: str) -> Answer:
    if isinstance(news, Pressed):
        return Answer(toast=words)
    return Answer(page=Page(shown(words)) if words else None)


def _link(news: Said | Pressed, command: Command) -> Heard | None:
    if not command.words:
        return Heard(news, _said(news, "send /link CODE with the code that you were given"))
    try:
        with db.atomic():
            person = people.link(command.text, news.person_id, _by(news, None))
    except Refused as error:
        return _refuse(news, None, "unusable code", str(error))
    return Heard(news, _said(news, f"welcome, {person.name}; you are {person.role} here, /help lists commands"))


def _commanded(news: Said, command: Command, person: Linked, place: Place) -> Heard | None:
    verb = VERBS.get(command.verb)
    if verb is None:
        return Heard(news, _said(news, bot_commands.UNKNOWN))
    if not Role(person.role).may(verb.role):
        return _refuse(news, person, f"role {person.role}", f"only for {verb.role}; you are {person.role}")
    if verb.acts and place is not Place.GROUP:
        return Heard(news, _said(news, NOT_HERE))
    if not verb.acts:
        return Heard(news, question=(command, person))
    return Heard(news, _acted(news, command, person, asks=verb.asks))


def _acted(news: Said, command: Command, person: Linked, *, asks: bool) -> Answer:
    try:
        with db.atomic():
            by = _by(news, person)
            return Answer(page=bot_commands.ask(command, person) if asks else bot_commands.act(command, by))
    except (ValueError, LookupError) as error:
        return _said(news, _why(error))


def _read(heard: Heard) -> Heard:
    """The page that was asked for; read after the update is noted, because it may ask outside."""
    if heard.question is None:
        return heard
    try:
        return Heard(heard.news, Answer(page=bot_commands.read(*heard.question)))
    except (Refused, LookupError) as error:
        return Heard(heard.news, _said(heard.news, _why(error)))


def _pressed(news: Pressed, person: Linked, place: Place) -> Heard | None:
    row = buttons.find(news.data)
    if row is None or row.expires_at <= now():
        return Heard(news, Answer(toast=EXPIRED))
    if place is not Place.GROUP:
        return Heard(news, Answer(toast=NOT_HERE))
    if row.allowed and person.telegram_id not in row.allowed:
        return _refuse(news, person, "somebody else's question", "only who asked may answer")
    needed = bot_commands.role_of(row) if row.action == Action.COMMAND else Role.OPERATOR
    if not Role(person.role).may(needed):
        return _refuse(news, person, f"role {person.role}", f"only for {needed}; you are {person.role}")
    return Heard(news, _performed(news, row, _by(news, person)))


def _performed(news: Pressed, row: ButtonRow, by: By) -> Answer:
    try:
        with db.atomic():
            if not buttons.use(row.id, by.name, now()):
                raise AlreadyChanged(_used(row.id))
            deed = bot_actions.perform(row, by)
            _note(news, deed, by)
    except (ValueError, LookupError) as error:
        return Answer(toast=_why(error), edit=_why(error) if row.action == Action.COMMAND else "")
    words = f"{deed.said}, by {by.name} {clock()}" if row.action == Action.COMMAND else ""
    return Answer(toast=deed.said, edit=words)


def _used(button_id: str) -> str:
    row = buttons.find(button_id)
    at = clock(row.used_at) if row and row.used_at else ""
    return f"already done by {row.used_by if row else 'somebody'} {at}".strip()


def _note(news: Pressed, deed: bot_actions.Deed, by: By) -> None:
    """Let the message say who did what, by bringing its incident up to date."""
    alert_id = alert_rows.by_message(news.chat_id, news.message_id)
    if alert_id is not None and deed.note:
        alerts.note(alert_id, f"{deed.note} by {by.name} {clock()}")


def _why(error: Exception) -> str:
    return str(error.args[0] if error.args else error)
