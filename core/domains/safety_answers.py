"""Answers to requests for an opinion: read strictly, taken once, kept when late, never believed against the rules."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from config.clock import now
from core.domains import hosts
from core.domains.brakes import MAX_AGE
from core.domains.persons import By, Refused, reasoned, record
from core.domains.safety_check import NAME, Opinion
from integrations.body import Unreadable, parse_json
from models import evidence, safety
from models.answers import Finding
from models.domain_states import SafetyRequestState as State
from models.domain_states import Source, Verdict
from models.safety import Request

VERDICTS = {State.SAFE: Verdict.SAFE, State.UNSAFE: Verdict.UNSAFE, State.UNKNOWN: Verdict.UNKNOWN}
ALLOWED = (*VERDICTS, State.FAILED)
SPOKEN = frozenset({State.SAFE, State.UNSAFE})
ENDED = frozenset({State.EXPIRED, State.CANCELLED})
LARGEST_EVIDENCE = 16 * 1024
MOST_PIECES = 100
LONGEST_NAME = 100
AHEAD = timedelta(minutes=5)
LONGEST_AGO = timedelta(days=3650)


class Result(StrEnum):
    """What became of an answer."""

    UNKNOWN = "unknown_request"
    WRONG = "wrong"
    DUPLICATE = "duplicate"
    LATE = "late"
    CONTRADICTED = "contradicted"
    ACCEPTED = "accepted"


class BadAnswer(ValueError):
    """The answer does not fit its request; the text names the field and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a checker says about a domain; `digest` is that of the bytes it came in."""

    verdict: State
    observed_at: datetime
    checker: str
    pieces: tuple[dict[str, Any], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What follows: `evidence_id` is that of a domain that shall be blocked, `problem` says what was wrong."""

    result: Result
    request: Request | None = None
    verdict: State | None = None
    evidence_id: int | None = None
    problem: str = ""


def take(request_id: str, body: bytes) -> Taken:
    """Take a signed answer, in the caller's transaction; whatever it says, a wrong one changes nothing."""
    request = _request(request_id)
    if request is None:
        return Taken(Result.UNKNOWN)
    try:
        answer = read(body, request, now())
    except BadAnswer as error:
        return Taken(Result.WRONG, request, problem=str(error))
    return _conclude(request, answer)


def note(request_id: UUID, opinion: Opinion) -> Taken:
    """Note what was found out here, in the caller's transaction, unless somebody else has answered meanwhile."""
    request = safety.find(request_id, lock=True)
    if request is None or not request.open(now()):
        return Taken(Result.LATE, request)
    digest = sha256(f"{NAME}:{request_id}".encode()).hexdigest()
    safety.answer(request_id, opinion.verdict, opinion.pieces, digest, now())
    row = evidence.store([opinion.finding])[0].evidence_id if opinion.finding else None
    return Taken(Result.ACCEPTED, request, opinion.verdict, row)


def answer_by_hand(domain: str, verdict: str, by: By, reason: str) -> Taken:
    """A person's answer to the request about a domain that waits; in the caller's transaction, raises Refused."""
    if verdict not in SPOKEN:
        raise Refused("verdict: say safe or unsafe")
    name, why = _name(domain), reasoned(reason)
    request = safety.open_about(name)
    if request is None or not request.open(now()):
        fix = "signalbox pipelines switch --block orders a switch without one"
        raise Refused(f"domain: no request about {name} waits for an answer; {fix}")
    record(by, "domain.answer", f"domain:{name}", reason=why, verdict=verdict, request=str(request.id))
    said = State(verdict)
    digest = sha256(f"person:{by.name}:{request.id}:{verdict}".encode()).hexdigest()
    return _conclude(request, Answer(said, now(), f"person:{by.name}", ({"kind": "person", "detail": why},), digest))


def read(body: bytes, request: Request, at: datetime) -> Answer:
    """The answer in a body, if it is one to this request; raises BadAnswer."""
    try:
        document = parse_json(body)
    except Unreadable as error:
        raise BadAnswer(f"body: {error}") from None
    if not isinstance(document, dict):
        raise BadAnswer("body: not an object")
    _expect(document, "request_id", str(request.id))
    _expect(document, "domain", request.domain)
    _expect(document, "nonce", request.nonce)
    verdict = document.get("verdict")
    if verdict not in ALLOWED:
        raise BadAnswer(f"verdict: one of {', '.join(ALLOWED)}")
    pieces = _pieces(document.get("evidence", []))
    digest = sha256(body).hexdigest()
    return Answer(State(verdict), _observed(document.get("observed_at"), at), _checker(document), pieces, digest)


def _conclude(request: Request, answer: Answer) -> Taken:
    if request.answer_sha256 is not None and hmac.compare_digest(request.answer_sha256, answer.digest):
        return Taken(Result.DUPLICATE, request)
    if request.status in ENDED or (request.status in safety.OPEN and not request.open(now())):
        _keep_late(request, answer)
        return Taken(Result.LATE, request)
    if request.status not in safety.OPEN:
        # the same verdict in other words adds nothing either
        result = Result.DUPLICATE if request.status is answer.verdict else Result.CONTRADICTED
        return Taken(result, request, answer.verdict)
    safety.answer(request.id, answer.verdict, answer.pieces, answer.digest, now())
    row = _store(request, answer) if answer.verdict in SPOKEN else None
    return Taken(Result.ACCEPTED, request, answer.verdict, row if answer.verdict is State.UNSAFE else None)


def _store(request: Request, answer: Answer) -> int | None:
    """Keep a signed answer; a bad one that is older than the answer that stands is a row all the same."""
    finding = _finding(request, answer)
    row = evidence.store([finding])[0].evidence_id
    return _row(finding) if row is None and answer.verdict is State.UNSAFE else row


def _keep_late(request: Request, answer: Answer) -> None:
    """Late answers change no state; a bad one is a suspicion, on which nothing can rest, and has expired already."""
    safety.keep_late(request.id, answer.verdict, answer.pieces, answer.digest, now())
    if answer.verdict in VERDICTS:
        _row(_finding(request, answer, late=True))


def _row(finding: Finding) -> int:
    (row,) = evidence.write([finding]).values()
    return row


def _finding(request: Request, answer: Answer, *, late: bool = False) -> Finding:
    seen = answer.observed_at
    detail: dict[str, Any] = {"request": str(request.id), "evidence": list(answer.pieces)}
    verdict = VERDICTS[answer.verdict]
    if late:
        detail |= {"late": True, "said": answer.verdict.value}
        verdict = Verdict.SUSPECT if verdict is Verdict.UNSAFE else verdict
    return Finding(
        domain_id=request.domain_id, source=Source.GSC, verdict=verdict, subject=request.domain,
        provider=answer.checker, live=True, canary_ok=None, detail=detail, observed_at=seen,
        expires_at=seen if late else seen + MAX_AGE[Source.GSC],
    )  # fmt: skip


def _request(text: str) -> Request | None:
    try:
        number = UUID(text)
    except ValueError:
        return None
    return safety.find(number, lock=True) if str(number) == text else None


def _expect(document: dict[str, Any], name: str, wanted: str) -> None:
    given = document.get(name)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise BadAnswer(f"{name}: not that of the request")


def _observed(text: Any, at: datetime) -> datetime:
    """When the checker saw it; not in the future, except for what clocks may differ by."""
    try:
        seen = datetime.fromisoformat(text)
        if seen.tzinfo is None or at - seen > LONGEST_AGO:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise BadAnswer("observed_at: an instant with its zone, such as 2026-11-20T12:07:11Z") from None
    if seen > at + AHEAD:
        raise BadAnswer("observed_at: in the future")
    return seen.astimezone(at.tzinfo)


def _checker(document: dict[str, Any]) -> str:
    name = document.get("checker")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadAnswer(f"checker: a name of 1 to {LONGEST_NAME} characters")
    return name


def _pieces(value: Any) -> tuple[dict[str, Any], ...]:
    """Objects that name their kind, together small enough, without what no database can hold."""
    if not _is_list_of_objects(value) or len(value) > MOST_PIECES:
        raise BadAnswer(f"evidence: a list of at most {MOST_PIECES} objects, each with a kind")
    text = orjson.dumps(value)
    if len(text) > LARGEST_EVIDENCE:
        raise BadAnswer(f"evidence: above {LARGEST_EVIDENCE} bytes")
    if b"\\u0000" in text:
        raise BadAnswer("evidence: holds a NUL")
    return tuple(value)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and isinstance(one.get("kind"), str) for one in value)


def _name(domain: str) -> str:
    try:
        return hosts.name_of(domain)
    except ValueError as error:
        raise Refused(f"domain: {error}") from None
