"""The daily message to operators, and what is tidied up beside it."""

from __future__ import annotations

import structlog

from core import digest
from worker import bot_metrics
from worker.actor import actor
from worker.failures import Busy

log = structlog.get_logger(__name__)


@actor
def send_domains_digest() -> None:
    """Tell operators once a day what is open, what the day brought and how long spares last, also when all is quiet."""
    with bot_metrics.counted():
        sent = _send()
    log.info("digest_sent", result=sent.value, buttons_forgotten=digest.tidy())


def _send() -> digest.Result:
    try:
        return digest.send()
    except digest.Taken as error:
        raise Busy(error.seconds) from error
