"""One update from the chat: each is handled once, whoever sent it is known or refused, and acts leave audit rows."""

from __future__ import annotations

from typing import Any

import structlog

from config.clock import now
from core.bot import commands, people, updates
from core.bot.commands import VERBS, Command, Verb
from core.bot.people import Role
from core.bot.updates import Pressed, Said
from core.domains.persons import Refused
from integrations.errors import OutsideError
from models import bot_updates
from models.bot_people import Linked
from models.conflicts import transaction
from models.database import DATABASE_DOWN, db, drop_connection
from worker import bot_commands, bot_owed
from worker.bot_heard import NOT_HERE, NOT_LINKED, Answer, Heard, Place, by_of, lacks, place_of, refuse, said, why
from worker.bot_presses import pressed
from worker.failures import is_database_down, trace_of

__all__ = ["Heard", "finish", "handle"]

FAILED = "that did not work; the log says why"
log = structlog.get_logger(__name__)


def handle(update: Any) -> Heard | None:
    """Do what an update asks for, once however often it comes; None if there is nothing to answer.

    Raises what a database raises that is not there; then the update counts as not handled.
    """
    number, news = updates.number_of(update), updates.read(update)
    if number is None:
        return None
    try:
        return transaction(lambda: _noted(number, news))
    except Exception as error:
        if is_database_down(error):
            raise
        _failed(error)
        return transaction(lambda: _given_up(number, news))


def finish(heard: Heard) -> Heard:
    """Do what was left for later, outside any transaction; what it answers."""
    if heard.later is None:
        return heard
    try:
        return Heard(heard.news, heard.later())
    except (Refused, LookupError, OutsideError) as error:
        return Heard(heard.news, said(heard.news, why(error)))
    except Exception as error:  # noqa: BLE001  the update is noted, so nobody tries again; whoever asked is told
        _failed(error)
        if isinstance(error, DATABASE_DOWN):
            drop_connection()
        return Heard(heard.news, said(heard.news, FAILED))


def _failed(error: Exception) -> None:
    log.error("telegram_update_failed", error=type(error).__name__, trace=trace_of(error))


def _noted(number: int, news: Said | Pressed | None) -> Heard | None:
    """What is to be answered, noted with what was done: a process that dies now leaves it to the next."""
    heard = _once(number, news)
    return bot_owed.owe(heard) if heard else None


def _given_up(number: int, news: Said | Pressed | None) -> Heard | None:
    """Noted too, or it would come again for ever."""
    bot_updates.take(number, now())
    return bot_owed.owe(Heard(news, said(news, FAILED))) if news else None


def _once(number: int, news: Said | Pressed | None) -> Heard | None:
    if not bot_updates.take(number, now()) or news is None:
        return None
    if isinstance(news, Pressed):
        return _by_known(news, None)
    command = commands.parse(news.text)
    if command is None:
        return None
    return _link(news, command) if command.verb == "link" else _by_known(news, command)


def _by_known(news: Said | Pressed, command: Command | None) -> Heard | None:
    person = people.find(news.person_id)
    if place_of(news) is Place.ELSEWHERE:
        return refuse(news, person, "another chat", NOT_HERE if isinstance(news, Pressed) else "")
    if person is None:
        return refuse(news, None, "not linked", NOT_LINKED)
    if isinstance(news, Pressed):
        return pressed(news, person)
    return _commanded(news, command, person) if command else None


def _link(news: Said, command: Command) -> Heard | None:
    if place_of(news) is Place.ELSEWHERE:
        return refuse(news, None, "another chat", "")
    try:
        with db.atomic():
            person = people.link(command.text, news.person_id, by_of(news, None))
    except Refused as error:
        return refuse(news, None, "unusable code", why(error))
    return Heard(news, said(news, f"welcome, {person.name}; you are {person.role} here, /help lists commands"))


def _commanded(news: Said, command: Command, person: Linked) -> Heard | None:
    verb = VERBS.get(command.verb)
    if verb is None:
        return Heard(news, said(news, bot_commands.UNKNOWN))
    if not Role(person.role).may(verb.role):
        return lacks(news, person, verb.role)
    if not verb.acts:
        return Heard(news, later=lambda: Answer(page=bot_commands.read(command, person)))
    if place_of(news) is not Place.GROUP:
        return Heard(news, said(news, NOT_HERE))
    return Heard(news, _acted(news, verb, command, person))


def _acted(news: Said, verb: Verb, command: Command, person: Linked) -> Answer:
    try:
        with db.atomic():
            if verb.asks:
                return Answer(page=bot_commands.ask(command, person))
            return Answer(page=bot_commands.act(command, by_of(news, person)))
    except (ValueError, LookupError) as error:
        return said(news, why(error))
