"""Asking for opinions about active domains: opened each hour, handed to a checker, ended when nobody answers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from config.clock import now
from config.ids import new_id
from config.settings import Settings, get_settings
from core.domains import safety_check
from core.domains.safety_check import Opinion
from integrations.errors import RateLimited, Rejected, Unavailable
from integrations.safety_checker import Question, SafetyChecker
from models import safety
from models.domain_states import SafetyRequestState
from models.safety import Request

IN_A_ROW = 3
"""So many requests left without an answer mean that the checker is silent."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0


class Handed(StrEnum):
    """What became of an attempt to hand a request over."""

    GONE = "there is no such request"
    OVER = "it was answered, taken back, or is too late"
    CANCELLED = "the domain is not in use any more"
    SENT = "a checker has it"
    REFUSED = "the checker will not take it"
    LATER = "the checker cannot take it now"
    ANSWERED = "answered here"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: `wait` seconds until the next one for LATER, `opinion` for ANSWERED, `detail` for REFUSED."""

    handed: Handed
    request: Request | None = None
    wait: float = 0.0
    opinion: Opinion | None = None
    detail: str = ""


def open_requests() -> list[UUID]:
    """Ask about each active domain of enabled pipelines, once an hour; ids of the new requests.

    Call it in the transaction that sends their messages; however often and by however many, each is opened once.
    """
    at = now()
    expires_at = at + timedelta(minutes=get_settings().safety_request_ttl)
    rows = [(new_id(), domain_id, pipeline_id, _nonce()) for domain_id, pipeline_id in safety.active_domains()]
    if not rows:
        return []
    return safety.open_all(rows, at, at.replace(minute=0, second=0, microsecond=0), expires_at)


def hand_over(request_id: UUID) -> Attempt:
    """Give a request to the outside checker, or form an opinion about it here when none is set.

    No transaction may be open; the opinion is not stored yet. No trouble outside is raised.
    """
    request = safety.find(request_id)
    if request is None:
        return Attempt(Handed.GONE)
    checker = _checker(get_settings())
    wanted = request.status is SafetyRequestState.PENDING if checker else request.open(now())
    if not wanted or not request.open(now()):
        return Attempt(Handed.OVER, request)
    if not request.in_use and safety.close(request_id, SafetyRequestState.CANCELLED):
        return Attempt(Handed.CANCELLED, request)
    if not safety.begin(request_id, now()):
        return Attempt(Handed.OVER, request)
    return _ask(checker, request) if checker else _answer(request)


def expire() -> tuple[int, list[str]]:
    """End what nobody answered in time: how many, and the domains about which there was silence so often in a row."""
    ended = safety.expire(now())
    return ended, safety.silent(IN_A_ROW, now())


def _ask(checker: SafetyChecker, request: Request) -> Attempt:
    try:
        checker.ask(_question(request))
    except RateLimited as limited:
        return Attempt(Handed.LATER, request, wait=limited.retry_after, detail="rate limited")
    except Unavailable as error:
        wait = min(FIRST_WAIT * 2 ** min(request.attempts, 10), LONGEST_WAIT)
        return Attempt(Handed.LATER, request, wait=wait, detail=error.detail)
    except Rejected as error:
        safety.close(request.id, SafetyRequestState.FAILED)
        return Attempt(Handed.REFUSED, request, detail=error.code)
    safety.dispatched(request.id, now())
    return Attempt(Handed.SENT, request)


def _answer(request: Request) -> Attempt:
    safety.dispatched(request.id, now())
    return Attempt(Handed.ANSWERED, request, opinion=safety_check.look(request))


def _question(request: Request) -> Question:
    here = get_settings().web_url.rstrip("/")
    return Question(
        request_id=str(request.id),
        domain=request.domain,
        urls=(f"https://{request.domain}/",),
        nonce=request.nonce,
        expires_at=request.expires_at,
        callback_url=f"{here}/callbacks/domain-safety/{request.id}",
    )


def _nonce() -> str:
    return secrets.token_urlsafe(24)


@lru_cache(maxsize=1)
def _checker(settings: Settings) -> SafetyChecker | None:
    """One per process, so that its breaker sees every call."""
    return SafetyChecker.from_settings(settings)
