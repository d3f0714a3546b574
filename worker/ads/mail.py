"""Our own mail to publishers."""

from __future__ import annotations

import structlog

from core.ads import mail
from core.ads.mail import Posted
from worker.actor import actor
from worker.failures import Busy
from worker.shared import DeadMessage, gave_up

log = structlog.get_logger(__name__)


@actor
def send_mail(template: str, request_id: str, sealed_token: str | None = None) -> int:
    """Send the owner of an account one mail about a payout; what was sent is not sent again."""
    posted = mail.post(template, request_id, sealed_token)
    if posted is Posted.TAKEN:
        raise Busy(mail.CLAIM_SECONDS)
    log.info("mail_posted", template=template, request_id=request_id, result=posted.value)
    return int(posted is Posted.SENT)


@gave_up
def record_dead_mail(letter: DeadMessage) -> None:
    """Mark a mail that was given up as failed and say so, because somebody waits for it."""
    given = {**dict(zip(("template", "request_id"), letter.args, strict=False)), **letter.kwargs}
    template, request_id = str(given.get("template")), str(given.get("request_id"))
    mail.give_up(template, request_id, f"given up: {letter.reason}")
    log.error("mail_given_up", template=template, request_id=request_id, reason=letter.reason)
