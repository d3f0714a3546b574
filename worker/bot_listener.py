"""Listening to the chat: one process at a time asks for updates, handles each and answers, until it is told to stop."""

from __future__ import annotations

import threading
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog

from config.clock import monotonic, now
from config.ids import new_id
from config.settings import Settings, get_settings
from core import announcing
from core.bot import updates
from integrations.errors import Conflict, OutsideError, RateLimited, Unauthorized
from integrations.telegram_port import POLL_SECONDS, TelegramPort
from models import bot_updates
from models.alerts import Severity
from models.database import DATABASE_DOWN, disconnect, drop_connection, ensure_connection
from worker import alerts, bot, bot_owed, bot_talk
from worker.bot import Heard
from worker.runs import PROCESS

LEASE = timedelta(seconds=60)
"""Longer than a round of asking and waiting may last."""
STANDBY_SECONDS = 10.0
CONFLICT_SECONDS = 10.0
MOST_CONFLICTS = 3
LONGEST_PAUSE = 60.0
STARTS_OVER = timedelta(days=6).total_seconds()
"""After a quiet week Telegram may count from a lower number; an old one would hide the new ones."""
DEAF = "bot_deaf"
log = structlog.get_logger(__name__)


class Ended(StrEnum):
    """Why nobody listens any more."""

    STOPPED = "stopped"
    CONFLICT = "another program reads the updates, or a webhook is set"
    UNAUTHORIZED = "the token is refused"


class Listener(threading.Thread):
    """The thread that listens; `ended` says why it does no more."""

    def __init__(self, bot: TelegramPort, *, poll_seconds: int = POLL_SECONDS) -> None:
        super().__init__(name="telegram-listener", daemon=True)
        self.ended: Ended | None = None
        self._bot, self._poll_seconds = bot, poll_seconds
        self._holder = f"{new_id()}/{PROCESS}"
        self._stopping, self._idle = threading.Event(), threading.Event()
        self._after, self._heard_at = -1, monotonic()
        self._failures = self._conflicts = 0

    def run(self) -> None:
        """Listen until stopped, or until there is no use in it."""
        while self.ended is None and not self._stopping.is_set():
            self._guarded_round()
        self.ended = self.ended or Ended.STOPPED
        self._give_back()
        disconnect()
        log.info("telegram_listener_ended", reason=self.ended.value)

    def stop(self, seconds: float = 10.0) -> None:
        """End after the update under way; a call that only waits for news is left to itself."""
        self._stopping.set()
        if self.is_alive() and not self._idle.is_set():
            self.join(seconds)
        self._give_back()

    def _guarded_round(self) -> None:
        try:
            ensure_connection()
            if self.has_turn():
                self.round()
            else:
                self._stopping.wait(STANDBY_SECONDS)
        except DATABASE_DOWN as error:
            log.warning("telegram_listener_without_database", error=type(error).__name__)
            drop_connection()
            self._stopping.wait(2)

    def has_turn(self) -> bool:
        """Take the right to listen, or keep it; False while another process has it."""
        return bot_updates.listen(self._holder, now(), now() + LEASE)

    def round(self) -> None:
        """Answer what another process left, ask once, handle what came, answer it."""
        bot_talk.settle_debts(self._bot, self._stopping.wait)
        answers = []
        for update in self._updates():
            if self._stopping.is_set() or not self.has_turn():
                break
            if heard := bot.handle(update):
                bot_talk.toast(self._bot, heard)
                answers.append(heard)
            self._after = updates.number_of(update) or self._after
        self._reply(answers)

    def _reply(self, answers: list[Heard]) -> None:
        """Last, because presses wait for seconds only, and what is to be read or done at length may take longer."""
        for heard in answers:
            if not self._stopping.is_set() and bot_owed.keep(heard):
                bot_talk.reply(self._bot, bot.finish(heard), self._stopping.wait)

    def _updates(self) -> list[dict[str, Any]]:
        """What is new; none, and a pause, if Telegram does not say."""
        try:
            found = self._ask()
        except Conflict:
            self._met_another()
        except Unauthorized:
            self._end(Ended.UNAUTHORIZED)
        except OutsideError as error:
            self._pause(error)
        else:
            self._recovered(found)
            return found
        return []

    def _ask(self) -> list[dict[str, Any]]:
        if monotonic() - self._heard_at > STARTS_OVER:
            self._after = -1
        self._idle.set()
        try:
            return self._bot.updates(self._after, self._poll_seconds)
        finally:
            self._idle.clear()

    def _recovered(self, found: list[dict[str, Any]]) -> None:
        if found:
            self._heard_at = monotonic()
        if self._failures or self._conflicts or self._after == -1:
            alerts.well(DEAF, "telegram")
        self._failures = self._conflicts = 0

    def _met_another(self) -> None:
        """Telegram ends one of two who ask; the other may be a process of ours that is on its way out."""
        self._conflicts += 1
        if self._conflicts >= MOST_CONFLICTS:
            self._end(Ended.CONFLICT)
        else:
            self._stopping.wait(CONFLICT_SECONDS)

    def _pause(self, error: OutsideError) -> None:
        self._failures += 1
        seconds = min(LONGEST_PAUSE, 2.0 ** min(self._failures, 6))
        if isinstance(error, RateLimited):
            seconds = error.retry_after
        log.warning("telegram_does_not_answer", error=type(error).__name__, seconds=seconds)
        until = monotonic() + seconds
        while not self._stopping.is_set() and (left := until - monotonic()) > 0 and self.has_turn():
            self._stopping.wait(min(left, LEASE.total_seconds() / 3))

    def _end(self, why: Ended) -> None:
        self.ended = why
        fix = "one process listens: signalbox bot webhook delete, or stop the other program"
        alerts.tell(DEAF, "telegram", Severity.WARNING, object="Telegram bot", happened=why.value, left=fix)

    def _give_back(self) -> None:
        """Let another process listen at once."""
        try:
            ensure_connection()
            bot_updates.leave(self._holder)
        except DATABASE_DOWN as error:
            log.info("telegram_lease_not_given_back", error=type(error).__name__)


def make(settings: Settings | None = None) -> Listener | None:
    """The listener of this process; None if there is no bot, or it does not ask for updates."""
    made = settings or get_settings()
    port = announcing.chat_bot(made)
    return Listener(port) if port is not None and made.telegram_mode == "polling" else None
