"""Saying what the bot answers: within the chat's budget, once, and never at the cost of hearing what comes next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from config.clock import now
from config.settings import get_settings
from core import announcing
from core.bot.updates import Pressed
from integrations.errors import OutsideError, RateLimited
from integrations.telegram_port import Button, Draft, Sent, TelegramPort
from integrations.telegram_text import shown
from models import rate_buckets
from models.rate_buckets import Exhausted, Limit
from worker import bot_metrics, bot_owed
from worker.bot import Heard, finish
from worker.bot_commands import Page
from worker.bot_words import group

LONGEST_WAIT = 20.0
"""An answer that could not be given within this many seconds is left out: its question is old by then."""
log = structlog.get_logger(__name__)
Wait = Callable[[float], object]


def toast(bot: TelegramPort, heard: Heard) -> None:
    """End the waiting of whoever pressed a button; Telegram takes that for some seconds only."""
    press = heard.news
    if isinstance(press, Pressed):
        _try(lambda: bot.answer(press.press_id, heard.answer.toast))


def reply(bot: TelegramPort, heard: Heard, wait: Wait, longest: float = LONGEST_WAIT) -> None:
    """Answer a command, or let a question read as it was decided; waits for the chat's budget, not for long."""
    _reply(bot, heard, wait, longest)
    bot_owed.paid(heard)


def settle_debts(bot: TelegramPort, wait: Wait, longest: float = LONGEST_WAIT) -> int:
    """Give the answers that a process before us noted and did not come to give; how many."""
    found = bot_owed.overdue()
    for heard in found:
        if bot_owed.keep(heard):
            toast(bot, heard)
            reply(bot, finish(heard), wait, longest)
    return len(found)


def _reply(bot: TelegramPort, heard: Heard, wait: Wait, longest: float) -> None:
    if heard.answer.page is None and not heard.answer.edit:
        return
    if not _pay(heard.news.chat_id, wait, longest):
        log.warning("telegram_answer_dropped", reason="own rate limit")
    elif heard.answer.page is not None:
        draft = _draft(heard, heard.answer.page)
        _try(lambda: bot.send(draft))
    else:
        message = Sent(heard.news.chat_id, heard.news.message_id)
        _try(lambda: bot.edit(message, shown(heard.answer.edit)))


def _draft(heard: Heard, page: Page) -> Draft:
    settings = get_settings()
    keys = [[Button(**one) for one in row] for row in page.buttons]
    in_group = heard.news.chat_id in group(settings.telegram_chat_id)
    thread = settings.telegram_thread_id if in_group else None
    return Draft(heard.news.chat_id, page.text, thread, silent=True, reply_to=heard.news.message_id, buttons=keys)


def _pay(chat_id: int, wait: Wait, longest: float) -> bool:
    """Use a token of the chat's limits and leave one to incidents; False if none came in time."""
    waited = 0.0
    while True:
        try:
            rate_buckets.take(_limits(chat_id), now(), leave=1 if chat_id < 0 else 0)
        except Exhausted as error:
            waited += error.seconds
            if waited > longest:
                return False
            wait(error.seconds)
        else:
            return True


def _limits(chat_id: int) -> tuple[Limit, ...]:
    settings = get_settings()
    if chat_id in group(settings.telegram_chat_id):
        return announcing.limits(settings)
    return (Limit(f"telegram:{chat_id}:second", 1.0, 1.0),)


def _try(call: Callable[[], object]) -> None:
    """An answer is given once: what was decided stands, and whoever asked may ask again."""
    try:
        with bot_metrics.counted():
            call()
    except RateLimited as error:
        rate_buckets.hold(announcing.limits(get_settings())[0], now() + timedelta(seconds=error.retry_after))
        log.warning("telegram_answer_dropped", reason="rate limit")
    except OutsideError as error:
        log.warning("telegram_answer_dropped", reason=type(error).__name__)
