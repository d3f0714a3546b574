"""An outside checker of domains: it takes a question now and answers later, signed, at our callback address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from config import clock
from config.settings import Settings
from integrations.http import Client, Effect
from integrations.reach import reach

TIMEOUT = (3.0, 10.0)
DEADLINE = 15.0
LIMIT_WAIT = 60.0
PATH = "/v1/domain-safety-requests"
KNOWN = 200


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; the answer must bring the nonce back, to the callback address and before it expires."""

    request_id: str
    domain: str
    urls: Sequence[str]
    nonce: str = field(repr=False)
    expires_at: datetime
    callback_url: str


@dataclass(slots=True)
class SafetyChecker:
    """One checker at one address."""

    url: str
    timeout: tuple[float, float] = TIMEOUT
    ca_bundle: str | None = None
    clock: Callable[[], float] = clock.monotonic
    client: Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.client = Client(
            "safety-checker",
            self.url,
            timeout=self.timeout,
            deadline=DEADLINE,
            ca_bundle=self.ca_bundle,
            default_wait=LIMIT_WAIT,
            probe_path="/",
            clock=self.clock,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> SafetyChecker | None:
        """The checker that the environment names; None when there is none."""
        if not settings.safety_checker_url:
            return None
        return cls(settings.safety_checker_url, **reach(settings, settings.safety_checker_timeout))

    def ask(self, question: Question) -> bool:
        """Hand a question over; False if the checker knew it already. Asking again is harmless; raises an outcome."""
        asked = {
            "request_id": question.request_id,
            "domain": question.domain,
            "urls": list(question.urls),
            "nonce": question.nonce,
            "expires_at": question.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "callback_url": question.callback_url,
        }
        key = {"Idempotency-Key": question.request_id}
        reply = self.client.call("POST", PATH, effect=Effect.KEYED, json=asked, headers=key, parse=False)
        return reply.status != KNOWN
