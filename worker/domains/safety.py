"""Opinions about active domains: asked for each hour, handed to a checker or formed here, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from core.domains import safety, safety_answers
from core.domains.persons import By
from core.domains.safety import Attempt, Handed
from core.domains.safety_answers import Result, Taken
from models.conflicts import transaction
from models.domain_states import Reason
from worker.actor import actor
from worker.alerts import Severity, tell, well
from worker.domains import metrics
from worker.domains.blocking import block_active_tracking_domain
from worker.failures import BadMessage, Busy

SILENT = "safety_checker_silent"
REFUSED = "safety_checker_refuses"
CONTRADICTED = "safety_answer_contradicted"
LOST = "property_lost"
KEY = "search_console_key"
MOST_NAMED = 10
log = structlog.get_logger(__name__)


@actor
def check_active_tracking_domains_via_gsc() -> int:
    """Ask for an opinion about each active domain, once an hour; the answers come later."""
    return transaction(_ask)


def _ask() -> int:
    _end_overdue()
    requests = safety.open_requests()
    for request_id in requests:
        dispatch_domain_safety_request.send(str(request_id))
    return len(requests)


@actor
def dispatch_domain_safety_request(request_id: str) -> None:
    """Hand one request to the outside checker, again while it cannot take it; without a checker answer it here."""
    attempt = safety.hand_over(_id(request_id))
    log.info("safety_request_handed_over", request_id=request_id, result=attempt.handed.value, detail=attempt.detail)
    if attempt.handed is Handed.LATER:
        raise Busy(attempt.wait)
    _follow(attempt)


@actor
def expire_domain_safety_requests() -> int:
    """End requests that nobody answered in time, and warn when that happened three times in a row."""
    return transaction(_end_overdue)


def take(request_id: str, body: bytes) -> Taken:
    """Take an answer whose signature was checked, with the block that may follow, in one transaction."""
    return _acted(lambda: safety_answers.take(request_id, body))


def answer_by_hand(domain: str, verdict: str, by: By, reason: str) -> Taken:
    """A person's answer, with the block that may follow; raises Refused."""
    return _acted(lambda: safety_answers.answer_by_hand(domain, verdict, by, reason))


def _acted(take_it: Callable[[], Taken]) -> Taken:
    def work() -> Taken:
        taken = take_it()
        _block(taken)
        if taken.result is Result.CONTRADICTED:
            _tell_contradiction(taken)
        return taken

    taken = transaction(work)
    if taken.result is Result.ACCEPTED and taken.verdict is not None:
        metrics.checked("gsc", {taken.verdict.value: 1})
    return taken


def _block(taken: Taken) -> None:
    if taken.request is not None and taken.evidence_id is not None:
        block_active_tracking_domain.send(
            domain=taken.request.domain, reason=Reason.GSC_UNSAFE.value, evidence_id=taken.evidence_id
        )


def _follow(attempt: Attempt) -> None:
    opinion, request = attempt.opinion, attempt.request
    if attempt.handed is Handed.REFUSED:
        _tell_refusal(attempt)
    if attempt.handed is Handed.SENT:
        well(REFUSED, "checker")
    if opinion is None or request is None:
        return
    _acted(lambda: safety_answers.note(request.id, opinion))
    _tell_console(request.domain, lost=opinion.lost, refused=opinion.refused)


def _end_overdue() -> int:
    ended, silent = safety.expire()
    if not silent:
        well(SILENT, "checker")
    elif ended:
        _tell_silence(silent)
    return ended


def _tell_silence(domains: list[str]) -> None:
    more = f" and {len(domains) - MOST_NAMED} more" if len(domains) > MOST_NAMED else ""
    tell(
        SILENT, "checker", Severity.WARNING, object="safety checker",
        happened=f"left {safety.IN_A_ROW} requests in a row unanswered about {', '.join(domains[:MOST_NAMED])}{more}",
        done="nothing was blocked for that; the other checks go on",
        left="see whether the checker runs, reaches WEB_URL, and signs with a secret of SAFETY_CALLBACK_SECRETS",
    )  # fmt: skip


def _tell_refusal(attempt: Attempt) -> None:
    about = attempt.request.domain if attempt.request else ""
    tell(
        REFUSED, "checker", Severity.WARNING, object="safety checker",
        happened=f"will not take the request about {about} ({attempt.detail})",
        done="that request has failed; nothing was blocked", left="see SAFETY_CHECKER_URL, and the checker's own log",
    )  # fmt: skip


def _tell_contradiction(taken: Taken) -> None:
    request = taken.request
    assert request is not None, "a contradiction is about a request"
    tell(
        CONTRADICTED, request.domain, Severity.WARNING, object=request.domain,
        happened=f"a checker says {taken.verdict} now, and said {request.status} to the same request before",
        done="the first answer stands", left="ask whoever runs the checker; lists can err",
    )  # fmt: skip


def _tell_console(domain: str, *, lost: str, refused: bool) -> None:
    if refused:
        return tell(
            KEY, "search-console", Severity.WARNING, object="Search Console", happened="does not take our key",
            done="domains are looked at without it", left="see GSC_SERVICE_ACCOUNT",
        )  # fmt: skip
    well(KEY, "search-console")
    if lost:
        return tell(
            LOST, domain, Severity.WARNING, object=domain, happened=f"the property {lost} is not ours any more",
            left="verify it again in Search Console, and see who has changed the zone",
        )  # fmt: skip
    return well(LOST, domain)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadMessage("request_id: not the id of a request") from None
