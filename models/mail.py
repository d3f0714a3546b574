"""Our own mail as rows: who is to be told what, claiming one to send it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from peewee import BigIntegerField, IntegerField, TextField

from models.database import execute, fetch
from models.fields import EnumText, UtcDateTime, Uuid, bind, instant
from models.runtime import Row


class MailState(StrEnum):
    """Where a mail stands; unknown was handed over without an answer, so it may have arrived."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Mail(Row):
    """One mail of ours to the owner of an account; one row per template and request."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        MailState.PENDING: (MailState.SENT, MailState.FAILED, MailState.UNKNOWN),
        MailState.UNKNOWN: (MailState.SENT, MailState.FAILED),
        MailState.FAILED: (MailState.PENDING, MailState.SENT, MailState.UNKNOWN),
        MailState.SENT: (),
    }

    key = TextField(primary_key=True)
    template = TextField()
    request_id = Uuid()
    account_id = BigIntegerField()
    state = EnumText(MailState)
    attempts = IntegerField(default=0)
    claimed_until = UtcDateTime(null=True)
    created_at = UtcDateTime()
    sent_at = UtcDateTime(null=True)
    failure = TextField(null=True)


@dataclass(frozen=True, slots=True)
class Subject:
    """The payout a mail speaks of and its owner; `details_enc` is sealed, `amount` in micro-units."""

    request_id: UUID
    account_id: int
    email: str | None
    login: str
    amount: int
    currency: str
    method: str
    details_enc: str | None
    state: str
    reason: str
    confirm_expires_at: datetime
    external_ref: str
    has_code: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send a mail now; `attempt` is its number, by which a late end of an older attempt is told apart."""

    key: str
    attempt: int
    state: MailState
    created_at: datetime


_SUBJECT = """
select p.account_id, a.email, a.login, p.amount, p.currency, p.method, p.details_enc, p.state, coalesce(p.reason, ''),
    p.confirm_expires_at, coalesce(p.external_ref, ''), p.protection_code_enc is not null
from payout_request p join account a on a.id = p.account_id where p.public_id = %s
"""
_CLAIM = """
insert into mail (key, template, request_id, account_id, state, attempts, claimed_until, created_at)
values (%s, %s, %s, %s, 'pending', 1, %s, %s)
on conflict (key) do update set attempts = mail.attempts + 1, claimed_until = excluded.claimed_until
where mail.state <> 'sent' and (mail.claimed_until is null or mail.claimed_until <= %s)
returning attempts, state, created_at
"""
_SENT = """
update mail set state = 'sent', sent_at = %s, claimed_until = null, failure = null where key = %s and state <> 'sent'
"""
_LATER = """
update mail set state = case state when 'failed' then 'pending' else state end, claimed_until = null, failure = %s
where key = %s and attempts = %s and state <> 'sent'
"""
_ENDED = """
update mail set state = %s, claimed_until = null, failure = %s where key = %s and attempts = %s and state <> 'sent'
"""
_UNSENT = "select state, count(*) from mail where state <> 'sent' group by state"
_GAVE_UP = "update mail set state = 'failed', claimed_until = null, failure = %s where key = %s and state = 'pending'"


def key_of(template: str, request_id: UUID) -> str:
    """What makes a mail this mail and no other."""
    return f"{template}:{request_id}"


def subject(request_id: UUID) -> Subject | None:
    """The payout with this public id."""
    rows = fetch(_SUBJECT, (str(request_id),))
    if not rows:
        return None
    *values, expires_at, external_ref, has_code = rows[0]
    return Subject(request_id, *values, instant(expires_at), external_ref, bool(has_code))  # type: ignore[call-arg]


def claim(template: str, about: Subject, at: datetime, until: datetime) -> Claim | None:
    """Take a mail to send it, until an instant; None if it is sent already or another attempt has it."""
    key = key_of(template, about.request_id)
    values = (key, template, str(about.request_id), about.account_id, bind(until), bind(at), bind(at))
    rows = fetch(_CLAIM, values)
    return Claim(key, int(rows[0][0]), MailState(rows[0][1]), instant(rows[0][2])) if rows else None


def was_sent(template: str, request_id: UUID) -> bool:
    """True once the mail is with the server."""
    return bool(fetch("select 1 from mail where key = %s and state = 'sent'", (key_of(template, request_id),)))


def unsent() -> dict[str, int]:
    """How many mails wait, failed, or may not have arrived."""
    return {str(state): int(count) for state, count in fetch(_UNSENT)}


def sent(claimed: Claim, at: datetime) -> None:
    """The server has taken it."""
    execute(_SENT, (bind(at), claimed.key))


def later(claimed: Claim, failure: str) -> None:
    """It was not sent now; it waits for another attempt."""
    execute(_LATER, (failure, claimed.key, claimed.attempt))


def failed(claimed: Claim, failure: str) -> None:
    """It can never be sent."""
    execute(_ENDED, (MailState.FAILED.value, failure, claimed.key, claimed.attempt))


def unknown(claimed: Claim, failure: str) -> None:
    """It was handed over, and no answer came."""
    execute(_ENDED, (MailState.UNKNOWN.value, failure, claimed.key, claimed.attempt))


def gave_up(template: str, request_id: UUID, failure: str) -> bool:
    """Nothing tries any more; False if it was sent, or may have been."""
    return execute(_GAVE_UP, (failure, key_of(template, request_id))) == 1
