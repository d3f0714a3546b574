"""Accounts and the persons behind them."""

from __future__ import annotations

import structlog

from core.ads import erasure
from core.ads.erasure import Erased
from core.ads.persons import Person, Role
from worker.actor import actor

log = structlog.get_logger(__name__)


@actor
def erase_account(account: str, reason: str, by: str) -> int:
    """Take the person out of an account, named by its public id; its money and statistics stay."""
    result = erasure.erase(account, reason, Person(by, Role.OPERATOR))
    log.info("account_erased", result=result.value)
    return int(result is Erased.ERASED)
