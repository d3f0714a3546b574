"""Answers that outlive the process that noted them: stored with their update, given by whoever comes after a death."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from config.clock import now
from core.bot import commands, people
from core.bot.updates import Pressed, Said
from models import bot_answers, buttons
from models.bot_answers import Owed
from worker import bot_commands
from worker.bot_commands import Page
from worker.bot_heard import Answer, Heard, by_of
from worker.bot_presses import at_length

GIVEN_WITHIN = timedelta(seconds=45)
"""Longer than a process takes for one answer: what it did not give by then is another's."""
MOST = 20


def owe(heard: Heard) -> Heard:
    """Note what is to be answered, in the transaction of its update; the same."""
    if _is_something(heard):
        at = now()
        bot_answers.owe(_stored(heard), at, at + GIVEN_WITHIN)
    return heard


def keep(heard: Heard) -> bool:
    """Whether an answer that was noted is still ours to give."""
    at = now()
    return not _is_something(heard) or bot_answers.keep(heard.news.update_id, at, at + GIVEN_WITHIN)


def paid(heard: Heard) -> None:
    """The answer was given, or given up."""
    bot_answers.paid(heard.news.update_id)


def overdue(most: int = MOST) -> list[Heard]:
    """Answers that a process did not come to give; they are ours now."""
    at = now()
    return [_heard(owed) for owed in bot_answers.take(at, at + GIVEN_WITHIN, most)]


def _is_something(heard: Heard) -> bool:
    answer = heard.answer
    return isinstance(heard.news, Pressed) or heard.later is not None or bool(answer.page or answer.edit)


def _stored(heard: Heard) -> Owed:
    """What was said is kept only where the answer is yet to be found; it may be a code."""
    later, news = heard.later is not None, heard.news
    if isinstance(news, Said) and not later:
        news = replace(news, text="")
    return Owed(news.update_id, asdict(news), asdict(heard.answer), later)


def _heard(owed: Owed) -> Heard:
    news = Pressed(**owed.news) if "press_id" in owed.news else Said(**owed.news)
    heard = Heard(news, _answer(owed.answer))
    return replace(heard, later=lambda: _found_out(news)) if owed.later else heard


def _answer(stored: dict[str, Any]) -> Answer:
    page = stored["page"]
    rows = tuple(tuple(row) for row in page["buttons"]) if page else ()
    return Answer(stored["toast"], Page(page["text"], rows) if page else None, stored["edit"])


def _found_out(news: Said | Pressed) -> Answer:
    """Do what was left for later, for whoever asked and is still known here."""
    person = people.find(news.person_id)
    if person is None:
        return Answer()
    if isinstance(news, Said):
        command = commands.parse(news.text)
        return Answer(page=bot_commands.read(command, person)) if command else Answer()
    row = buttons.find(news.data)
    return at_length(news, row, by_of(news, person)) if row and row.used_at is None else Answer()
