"""Sends our own mail about payouts: each once, or again under the same Message-ID when nobody knows whether it left."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import orjson

from config.clock import now
from config.settings import Settings, get_settings
from core.ads import letters, sealing
from core.ads.letters import STATES, Template
from integrations.errors import OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.smtp import Mail, Server, Smtp
from models import mail as rows
from models.mail import Claim, MailState, Subject

CLAIM_SECONDS = 100
"""Longer than a run may last, so that a claim ends only when its owner is gone."""
PATIENCE = timedelta(hours=48)
"""How long a server may say "later" before attempts begin to count."""


class Posted(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    ALREADY = "sent before"
    TAKEN = "another attempt is under way"
    NEEDLESS = "no longer true, not sent"


class NoMailServer(Unavailable):
    """There is nowhere to hand mail over."""

    def __init__(self) -> None:
        super().__init__("SMTP_URL is not set; the mail waits")


def post(template_name: str, request_id: str, sealed_token: str | None = None) -> Posted:
    """Send one mail about one payout unless that happened already; raises an outcome of `integrations.errors`."""
    template, about = _template(template_name), _subject(request_id)
    if about.state != STATES[template] or (template is Template.CONFIRM and about.confirm_expires_at <= now()):
        return _needless(template, about)
    claimed = rows.claim(template, about, now(), now() + timedelta(seconds=CLAIM_SECONDS))
    if claimed is None:
        return Posted.ALREADY if rows.was_sent(template, about.request_id) else Posted.TAKEN
    _send(claimed, template, about, sealed_token)
    return Posted.SENT


def probe() -> str:
    """Reach the mail server and log in without sending; raises an outcome of `integrations.errors`."""
    return _smtp(get_settings()).probe()


def give_up(template: str, request_id: str, failure: str) -> bool:
    """Note that no attempt is left; False if there is no such mail, or it may have arrived."""
    try:
        return rows.gave_up(_template(template), _uuid(request_id), failure)
    except Rejected:
        return False


def _template(name: str) -> Template:
    try:
        return Template(name)
    except ValueError:
        raise Rejected("unknown_template", f"known are {', '.join(Template)}") from None


def _uuid(request_id: str) -> UUID:
    try:
        return UUID(request_id)
    except ValueError:
        raise Rejected("bad_request_id", "a payout is named by its public id, a UUID") from None


def _subject(request_id: str) -> Subject:
    about = rows.subject(_uuid(request_id))
    if about is None:
        raise Rejected("unknown_request", "no payout has this public id")
    return about


def _needless(template: Template, about: Subject) -> Posted:
    if rows.was_sent(template, about.request_id):
        return Posted.ALREADY
    rows.gave_up(template, about.request_id, f"needless: the payout is {about.state}")
    return Posted.NEEDLESS


def _send(claimed: Claim, template: Template, about: Subject, sealed_token: str | None) -> None:
    """No transaction is open here: what is known of the outcome is written before and after the conversation."""
    try:
        _smtp(get_settings()).send(_written(claimed, template, about, sealed_token))
    except Rejected as error:
        rows.failed(claimed, str(error))
        raise
    except Unavailable as error:
        rows.later(claimed, error.detail)
        if isinstance(error, RateLimited) and now() - claimed.created_at > PATIENCE:
            raise Unavailable(error.detail) from None
        raise
    except OutcomeUnknown as error:
        rows.unknown(claimed, error.detail)
        if claimed.state is MailState.UNKNOWN:
            raise  # twice without an answer: a person looks before a third copy goes out
        raise Unavailable(error.detail, sent=True) from None
    rows.sent(claimed, now())


def _written(claimed: Claim, template: Template, about: Subject, sealed_token: str | None) -> Mail:
    if not about.email:
        raise Rejected("no_address", "the account has no e-mail address")
    link = _link(sealed_token) if template is Template.CONFIRM else ""
    letter = letters.compose(template, about, _details(about.details_enc), link)
    return Mail(claimed.key.replace(":", "."), get_settings().mail_from, about.email, letter.subject, letter.text)


def _link(sealed_token: str | None) -> str:
    if sealed_token is None:
        raise Rejected("no_token", "a payout_confirm needs the sealed token of its link")
    return f"{get_settings().web_url.rstrip('/')}/payouts/confirm/{_opened(sealed_token)}"


def _opened(sealed: str) -> str:
    try:
        return sealing.unseal(sealed)
    except (sealing.SealBroken, sealing.SealUnavailable) as error:
        raise Rejected("sealed", str(error)) from None


def _details(sealed: str | None) -> dict[str, object]:
    """What the payout details say; nothing when they cannot be read, because the mail makes sense without them."""
    try:
        details: object = orjson.loads(sealing.unseal(sealed)) if sealed else {}
    except (sealing.SealBroken, sealing.SealUnavailable, orjson.JSONDecodeError):
        details = {}
    return details if isinstance(details, dict) else {}


@lru_cache(maxsize=1)
def _smtp(settings: Settings) -> Smtp:
    """One per process, because it remembers that the server asked to be left alone."""
    if settings.smtp_url is None:
        raise NoMailServer
    try:
        server = Server.parse(settings.smtp_url.get_secret_value())
    except ValueError as error:
        raise Unavailable(str(error)) from None
    return Smtp(server, ca_bundle=settings.ca_bundle)
