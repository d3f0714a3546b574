"""The checker over HTTP: 202 for a question, and an answer to the product a little later, true or spoiled on demand."""

from __future__ import annotations

import hmac
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import orjson
from msgspec import Meta

from config.sandbox import CHECKER_KID, CHECKER_SECRET
from sandbox.calls import Call
from sandbox.fields import BadField, changed, read
from sandbox.reputation.listings import Listings
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

PATH = "/v1/domain-safety-requests"
DELAY_MS = 200.0
SKEW = timedelta(minutes=10)
Word = Annotated[str, Meta(min_length=1)]
Spoilt = Literal["", "signature", "skew", "kid", "nonce", "domain"]
Verdict = Literal["safe", "unsafe", "unknown", "failed"]


class Question(msgspec.Struct, frozen=True):
    """What the product asks."""

    request_id: Word
    domain: Word
    urls: list[str]
    nonce: Word
    expires_at: Word
    callback_url: Word


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How answers come: `verdict` instead of the listings' own, so many `copies`, `silent` for none, `spoilt` wrong."""

    delay_ms: Annotated[float, Meta(ge=0, le=3_600_000)] = DELAY_MS
    verdict: Verdict | None = None
    copies: Annotated[int, Meta(ge=1, le=10)] = 1
    silent: bool = False
    spoilt: Spoilt = ""
    kid: str = CHECKER_KID
    secret: str = CHECKER_SECRET


class Checker:
    """Says unsafe of a host that is listed, as the reputation services do, and safe of every other one."""

    name = "checker"

    def __init__(self, world: World) -> None:
        self._world = world
        self._listings = Listings(world)
        self.reset()

    def reset(self) -> None:
        self._world.calls.cancel()
        self.settings = Settings()
        self._questions: dict[str, Question] = {}
        self._answers: list[dict[str, Any]] = []

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """`settings`, or a question: it is answered once more, as the changes say."""
        settings = changed(self.settings, changes)
        if object_id == "settings":
            self.settings = settings
        elif object_id in self._questions:
            self._answer_later(self._questions[object_id], settings)
        else:
            raise UnknownObject(f"nobody asked the checker about {object_id}")
        return msgspec.to_builtins(settings)  # type: ignore[no-any-return]

    def state(self) -> dict[str, Any]:
        """Questions, and the answers with the status that each was met with."""
        questions = [msgspec.to_builtins(one) for one in self._questions.values()]
        return {"questions": questions, "answers": list(self._answers)}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        raise UnknownObject(f"the checker has no list {name}")

    def answer(self, request: Request, path: str) -> Answer:
        if request.method == "GET" and path in ("", "/"):
            return json_answer({"checker": "sandbox"})
        if (request.method, path) != ("POST", PATH):
            return json_answer({"error": "not found"}, 404)
        try:
            return self._asked(read(request.body, Question), request.headers.get("idempotency-key", ""))
        except BadField as bad:
            return json_answer({"error": str(bad), "field": bad.field}, 400)

    def _asked(self, question: Question, key: str) -> Answer:
        if key != question.request_id:
            raise BadField("Idempotency-Key", "must be the request's id")
        if key in self._questions:
            return json_answer({"status": "known"})
        self._questions[key] = question
        if not self.settings.silent:
            self._answer_later(question, self.settings)
        return json_answer({"status": "accepted"}, 202, effect={"question": key, "domain": question.domain})

    def _answer_later(self, question: Question, settings: Settings) -> None:
        for _ in range(settings.copies):
            note: dict[str, Any] = {"request_id": question.request_id, "domain": question.domain, "statuses": []}
            self._answers.append(note)
            body = self._body(question, settings)
            made = partial(self._call, question, settings, body)
            self._world.calls.later(settings.delay_ms, made, note["statuses"].append)

    def _call(self, question: Question, settings: Settings, body: bytes) -> Call:
        at = self._world.clock.now() - (SKEW if settings.spoilt == "skew" else timedelta())
        kid = "nobody" if settings.spoilt == "kid" else settings.kid
        secret = "another secret" if settings.spoilt == "signature" else settings.secret
        second = int(at.timestamp())
        signature = hmac.new(secret.encode(), f"{second}.".encode() + body, sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Signature": f"t={second},kid={kid},v1={signature}"}
        # wherever the product says that it is reached, only the product itself is called
        return Call(self._world.target.rstrip("/") + urlsplit(question.callback_url).path, body, headers)

    def _body(self, question: Question, settings: Settings) -> bytes:
        threats = self._threats(question.domain)
        verdict = settings.verdict or ("unsafe" if threats else "safe")
        pieces = [{"kind": "gsc_security_issue_email", "category": threat} for threat in threats]
        answer = {
            "request_id": question.request_id,
            "nonce": "another" if settings.spoilt == "nonce" else question.nonce,
            "domain": "another.sandbox.test" if settings.spoilt == "domain" else question.domain,
            "verdict": verdict,
            "observed_at": self._world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "checker": "sandbox-1",
            "evidence": pieces if verdict == "unsafe" else [],
        }
        return orjson.dumps(answer)

    def _threats(self, domain: str) -> list[str]:
        return [threat for one in self._listings.of(f"https://{domain}/", 0) for threat in one.threats]
