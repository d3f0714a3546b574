"""Answers to safety requests: a checker posts them, signed; what is not provably from one changes nothing."""

from __future__ import annotations

from typing import Any

import falcon
import structlog
from prometheus_client import Counter

from config.checks import callback_secrets
from config.clock import now
from config.settings import Settings
from core.domains import safety_signatures
from core.domains.safety_answers import Result, Taken
from models.database import DATABASE_DOWN, drop_connection, ensure_connection
from worker.domains import safety

LARGEST_BODY = 64 * 1024
RETRY_SECONDS = 30
CALLBACKS = Counter("signalbox_safety_callbacks_total", "Answers to safety requests by what became of them", ["answer"])
_ANSWERS: dict[Result, tuple[str, dict[str, Any]]] = {
    Result.UNKNOWN: (falcon.HTTP_404, {"error": "no such request"}),
    Result.WRONG: (falcon.HTTP_422, {"error": "not an answer to this request"}),
    Result.DUPLICATE: (falcon.HTTP_200, {"duplicate": True}),
    Result.LATE: (falcon.HTTP_410, {"error": "too late; kept as evidence, nothing follows"}),
    Result.CONTRADICTED: (falcon.HTTP_409, {"error": "another answer came first"}),
    Result.ACCEPTED: (falcon.HTTP_202, {"accepted": True}),
}
log = structlog.get_logger(__name__)


class SafetyAnswers:
    """`POST /callbacks/domain-safety/<request id>`: an answer counts once; whoever is unsure sends it again."""

    def __init__(self, settings: Settings) -> None:
        given = settings.safety_callback_secrets
        self._secrets = callback_secrets(given.get_secret_value()) if given else {}

    def on_post(self, request: falcon.Request, response: falcon.Response, request_id: str) -> None:
        """202 for the first answer to an open request; the other statuses say why nothing follows from it."""
        response.cache_control = ["no-store"]
        body = _body(request)
        if body is None:
            return _refuse(response, falcon.HTTP_413, "too_large")
        signature = request.get_header(safety_signatures.HEADER)
        if not safety_signatures.genuine(signature, body, self._secrets, now()):
            return _refuse(response, falcon.HTTP_401, "forged")
        try:
            ensure_connection()
            _say(response, safety.take(request_id, body))
        except DATABASE_DOWN:
            drop_connection()
            response.set_header("Retry-After", str(RETRY_SECONDS))
            _refuse(response, falcon.HTTP_503, "database_down")


def _body(request: falcon.Request) -> bytes | None:
    """The raw bytes, read once; None if there are too many."""
    if (request.content_length or 0) > LARGEST_BODY:
        return None
    # a body in chunks has no length to be bounded by
    stream = request.stream if request.get_header("Transfer-Encoding") else request.bounded_stream
    body: bytes = stream.read(LARGEST_BODY + 1)
    return body if len(body) <= LARGEST_BODY else None


def _say(response: falcon.Response, taken: Taken) -> None:
    response.status, facts = _ANSWERS[taken.result]
    response.media = {**facts, "problem": taken.problem} if taken.problem else dict(facts)
    domain = taken.request.domain if taken.request else None
    CALLBACKS.labels(taken.result.value).inc()
    log.info("safety_answer", result=taken.result.value, domain=domain, problem=taken.problem or None)


def _refuse(response: falcon.Response, status: str, answer: str) -> None:
    """Without a word: whoever cannot sign learns nothing here."""
    response.status = status
    CALLBACKS.labels(answer).inc()
    log.warning("safety_answer_refused", result=answer)
