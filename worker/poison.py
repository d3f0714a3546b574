"""Sets a message aside that took its worker down again and again, before it takes the next one."""

from __future__ import annotations

import threading
from typing import Any

import structlog
from dramatiq import Broker, Middleware
from dramatiq.middleware import SkipMessage

from config.clock import now
from models.database import DATABASE_DOWN, ensure_connection, execute, fetch
from models.fields import bind
from models.runtime import DeadReason
from worker import metrics
from worker.retries import buried

ALONE = 2
QUARANTINE = 3
log = structlog.get_logger(__name__)

_UP = """
insert into poison (message_id, crashes, at) values (%s, 1, %s)
on conflict (message_id) do update set crashes = poison.crashes + 1, at = excluded.at
"""
_KNOWN = "select crashes from poison where message_id = %s"
_DOWN = "update poison set crashes = crashes - 1 where message_id = %s"
_FORGET = "delete from poison where message_id = %s and (crashes <= 0 or %s)"


class PoisonGuard(Middleware):
    """Counts the crashes of redelivered messages: up before the run, down after any orderly end."""

    def __init__(self) -> None:
        self._alone = threading.Lock()

    def before_process_message(self, broker: Broker, message: Any) -> None:
        """Count this run; from the second crash on nobody else under suspicion runs beside it, at the third it ends."""
        if not getattr(message, "redelivered", False):
            return
        crashes = self._known(message) + 1
        if crashes >= QUARANTINE:
            self._quarantine(message)
        if crashes >= ALONE:
            # counted only when its turn comes, else whoever waits here is blamed for the crash of another
            self._alone.acquire()
            message.alone = True
        self._count(message)

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """The run ended in order, however it ended."""
        if getattr(message, "alone", False):
            message.alone = False
            self._alone.release()
        if getattr(message, "counted", False):
            self._forgive(message, over=getattr(message, "outcome", "done") not in ("retried", "returned"))

    def after_skip_message(self, broker: Broker, message: Any) -> None:
        """As after a run; a message in quarantine keeps its count."""
        if not getattr(message, "quarantined", False):
            self.after_process_message(broker, message)

    def _known(self, message: Any) -> int:
        """How often it has taken a worker down; 0 without a database, where nothing can be known."""
        try:
            ensure_connection()
            rows = fetch(_KNOWN, (message.message_id,))
        except DATABASE_DOWN as error:
            log.warning("poison_not_looked_up", message_id=message.message_id, error=type(error).__name__)
            return 0
        return int(rows[0][0]) if rows else 0

    def _count(self, message: Any) -> None:
        try:
            execute(_UP, (message.message_id, bind(now())))
        except DATABASE_DOWN as error:
            log.warning("poison_not_counted", message_id=message.message_id, error=type(error).__name__)
            return
        message.counted = True

    def _forgive(self, message: Any, *, over: bool) -> None:
        message.counted = False
        try:
            ensure_connection()
            execute(_DOWN, (message.message_id,))
            execute(_FORGET, (message.message_id, over))
        except DATABASE_DOWN as error:
            log.warning("poison_not_forgiven", message_id=message.message_id, error=type(error).__name__)

    def _quarantine(self, message: Any) -> None:
        message.quarantined = True
        metrics.POISON.labels(message.actor_name).inc()
        metrics.DEAD.labels(message.actor_name).inc()
        log.error("message_quarantined", task=message.actor_name, message_id=message.message_id)
        if not buried(message, DeadReason.POISON, None):
            message.fail()
        raise SkipMessage("quarantined")
