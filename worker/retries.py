"""What happens to a message whose run failed: tried again, given back, or given up, but never lost."""

from __future__ import annotations

import random
from datetime import timedelta
from time import sleep
from typing import Any

import structlog
from dramatiq import Broker, Message
from dramatiq.errors import RateLimitExceeded, Retry
from dramatiq.middleware import Retries, Shutdown

from config.clock import now
from integrations.errors import RateLimited
from models.database import DATABASE_DOWN, ensure_connection
from models.dead_letters import Letter, bury
from models.runtime import DeadReason
from worker import metrics
from worker.encoder import encoded
from worker.failures import PERMANENT, Busy, cause_of, is_database_down, trace_of
from worker.follow_ups import store
from worker.roles import BROKER_DOWN

LONGEST_BROKER_WAIT = 60.0
DATABASE_PAUSE = 1.0
RATE_LIMIT_SECONDS = 10.0
log = structlog.get_logger(__name__)


class SafeRetries(Retries):
    """The library's retries lose a message that cannot be sent again; here it becomes a dead letter instead."""

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Decide, and whatever goes wrong in deciding, do not let the message be acknowledged."""
        if exception is None:
            return
        try:
            message.outcome = self._decide(broker, message, exception)
        except Exception as error:  # noqa: BLE001  an error that escapes from here acknowledges the message
            log.error("retry_failed", message_id=message.message_id, error=type(error).__name__)
            message.outcome = "dead"
            message.fail()

    def _decide(self, broker: Broker, message: Any, error: BaseException) -> str:
        if isinstance(error, Shutdown) or is_database_down(error) or hasattr(message, "parts"):
            # the parts of a batch come back one by one, so that each is judged by itself
            return _give_back(message, error)
        wait = free_wait(error)
        if wait is not None:
            return _send_again(broker, message, error, wait, used=0)
        actor = broker.get_actor(message.actor_name)
        retries = message.options.get("retries", 0)
        if isinstance(error, actor.options.get("throws", PERMANENT)):
            return _give_up(message, error, DeadReason.REJECTED)
        if retries >= actor.options["max_retries"]:
            return _give_up(message, error, DeadReason.EXHAUSTED)
        return _send_again(broker, message, error, backoff(actor.options, retries), used=1)


def free_wait(error: BaseException) -> float | None:
    """Seconds to wait before another attempt that costs none of the budget; None for an ordinary failure."""
    if isinstance(error, Busy):
        return error.seconds
    if isinstance(error, RateLimited):
        return error.retry_after
    if isinstance(error, RateLimitExceeded):
        return RATE_LIMIT_SECONDS
    if isinstance(error, Retry) and error.delay is not None:
        return error.delay / 1000
    return None


def backoff(options: dict[str, Any], retries: int) -> float:
    """Seconds before the next attempt: first × 2ⁿ with jitter, never above the last."""
    first, last = options["min_backoff"] / 1000, options["max_backoff"] / 1000
    return float(min(first * 2 ** min(retries, 32) * random.uniform(1, 2), last))  # noqa: S311  jitter, no secret


def _give_back(message: Any, error: BaseException) -> str:
    """Back to the queue as it is: the process ends, or the database is not there to work with."""
    if is_database_down(error):
        sleep(DATABASE_PAUSE)  # else the same message comes back at once, over and over
    message.requeue = True
    message.fail()
    return "returned"


def _send_again(broker: Broker, message: Any, error: BaseException, wait: float, *, used: int) -> str:
    copy = _next_attempt(message, error, used)
    metrics.RETRIES.labels(message.actor_name, type(error).__name__).inc()
    if wait > LONGEST_BROKER_WAIT or not _sent(broker, copy, wait):
        _store_or_delay(broker, copy, wait)
    return "retried"


def _next_attempt(message: Any, error: BaseException, used: int) -> Message[Any]:
    options = message.options
    changed = {
        "attempt": options.get("attempt", 0) + 1,
        "retries": options.get("retries", 0) + used,
        "traceback": trace_of(error),
        "requeue_timestamp": int(now().timestamp() * 1000),
    }
    again: Message[Any] = message.copy(queue_name=message.queue_name.removesuffix(".DQ"), options=changed)
    return again


def _sent(broker: Broker, copy: Message[Any], wait: float) -> bool:
    """Hand the copy to the broker's delay queue; False if the broker does not take it."""
    try:
        # the key has done its work: it kept others from being stored while this one waited
        copy.options.pop("dedupe_key", None)
        broker.enqueue(copy, delay=int(wait * 1000))
    except BROKER_DOWN as error:
        log.warning("retry_not_delayed", message_id=copy.message_id, error=type(error).__name__)
        return False
    return True


def _store_or_delay(broker: Broker, copy: Message[Any], wait: float) -> None:
    try:
        ensure_connection()
        store(copy, encoded(copy), timedelta(seconds=wait))
    except DATABASE_DOWN:
        broker.enqueue(copy, delay=int(LONGEST_BROKER_WAIT * 1000))


def _give_up(message: Any, error: BaseException, reason: DeadReason) -> str:
    """Keep the message as a dead letter; without a database the broker's dead-letter queue keeps it for us."""
    metrics.DEAD.labels(message.actor_name).inc()
    if not buried(message, reason, cause_of(error)):
        message.fail()
    return "dead"


def buried(message: Any, reason: DeadReason, cause: str | None) -> bool:
    """Whether the letter is safe in the database, so that the message may be acknowledged."""
    queue = message.queue_name.removesuffix(".DQ")
    attempt = message.options.get("attempt", 0)
    letter = Letter(message.message_id, attempt, message.actor_name, queue, message.encode(), reason, cause)
    try:
        ensure_connection()
        bury(letter)
    except DATABASE_DOWN as error:
        log.warning("dead_letter_not_stored", message_id=message.message_id, error=type(error).__name__)
        return False
    return True
