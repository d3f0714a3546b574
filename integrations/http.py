"""The client of every HTTP integration: bounded in time and size, silent about secrets, exact about outcomes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import structlog
from requests import PreparedRequest

from config import checks
from config.clock import monotonic
from config.ids import new_id
from integrations import body as bodies
from integrations import outcomes, retry_after
from integrations.breaker import LONGEST_PAUSE, Breaker
from integrations.errors import RateLimited
from integrations.exchange import Exchange
from integrations.limiter import Limiter, Pace
from integrations.metrics import measured
from integrations.outcomes import Effect
from integrations.redaction import excerpt, quieten_urllib3, redact
from integrations.transport import Answer, Lost, fetch, new_session

__all__ = ["Client", "Effect", "Reply"]

LONGEST_STEP = 30.0
WIRE_OVERHEAD = 256 * 1024
OVERLOAD_WITHIN = 2048

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer: `json` is the parsed body, None when it was not asked for or the status is 204."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any
    request_id: str


@dataclass(slots=True)
class Client:
    """One service at one base URL.

    `timeout` is (connect, read) in seconds, `deadline` the seconds for everything together, `max_body` the most
    decoded bytes of an answer. `secrets` are removed wherever they show up. `rate` is calls a second, None for no
    limit. `longest_pause` is how long the breaker refuses at most. `overload_text` in an answer means 429, whatever
    its status says. `reads_only` makes any other call a RuntimeError. Plain http only to this machine or the sandbox.
    Raises ValueError for settings that cannot work.
    """

    service: str
    base_url: str
    timeout: tuple[float, float] = (3.0, 10.0)
    deadline: float = 30.0
    max_body: int = 1 << 20
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)
    ca_bundle: str | None = None
    compressed: bool = False
    request_ids: bool = True
    default_wait: float = 60.0
    probe_path: str = "/"
    contact: str = ""
    clock: Callable[[], float] = monotonic
    rate: float | None = None
    burst: int = 1
    overload_text: bytes = b""
    on_recovery: Callable[[], None] | None = None
    longest_pause: float = LONGEST_PAUSE
    reads_only: bool = False
    breaker: Breaker = field(init=False)
    limiter: Pace = field(init=False)
    _local: threading.local = field(init=False, default_factory=threading.local, repr=False)
    _certificate_refused: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        _check_address(self.base_url, self.service)
        if max(self.timeout) > LONGEST_STEP:
            raise ValueError(f"{self.service}: a timeout above {LONGEST_STEP:.0f} s")
        self.breaker = Breaker(
            self.service, clock=self.clock, on_close=self.on_recovery, longest_pause=self.longest_pause
        )
        self.limiter = Limiter(self.service, rate=self.rate, burst=self.burst, clock=self.clock)
        if password := urlsplit(self.base_url).password:
            self.secrets = (*self.secrets, password)
        quieten_urllib3()

    def call(
        self,
        method: str,
        path: str,
        *,
        effect: Effect,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        parse: bool = True,
        deadline: float | None = None,
    ) -> Reply:
        """The 2xx answer of one call, parsed as JSON unless `parse` is off; raises an outcome of `integrations.errors`.

        `path` is appended to the base URL; give at most one of `json`, `form` and `body`.
        """
        if self.reads_only and effect is not Effect.READ:
            raise RuntimeError(f"{self.service}: a write in a dry run")
        request_id = str(new_id())
        content = orjson.dumps(json) if json is not None else body
        request = self._prepare(method, path, params, form or content, self._headers(request_id, json, headers))
        self.limiter.take()
        with measured(self.service), self.breaker.guard():
            answer = self._fetch(request, self.deadline if deadline is None else deadline)
            return self._judge(answer, effect, parse, request_id)

    def probe(self) -> str:
        """The cheapest read that proves key and reachability, in words; raises an outcome when it fails."""
        reply = self.call("GET", self.probe_path, effect=Effect.READ, parse=False)
        return f"{self.service}: http_{reply.status}"

    def redact(self, text: str) -> str:
        """The text without this client's secrets."""
        return redact(text, self.secrets)

    def close(self) -> None:
        """Close this thread's connections."""
        _, session = self._local.__dict__.pop("owned", (None, None))
        if session is not None:
            session.close()

    def _headers(self, request_id: str, json: Any, extra: Mapping[str, str] | None) -> dict[str, str]:
        headers = {
            "User-Agent": _user_agent(self.contact),
            "Accept-Encoding": "gzip, identity" if self.compressed else "identity",
            "Accept": "application/json",
        }
        if self.request_ids:
            headers["X-Request-Id"] = request_id
        if json is not None:
            headers["Content-Type"] = "application/json"
        return headers | dict(self.headers) | dict(extra or {})

    def _prepare(self, method: str, path: str, params: Any, data: Any, headers: dict[str, str]) -> PreparedRequest:
        request = requests.Request(method, self.base_url.rstrip("/") + path, headers=headers, params=params, data=data)
        problem = None
        try:
            return self._session().prepare_request(request)
        except (requests.RequestException, UnicodeError) as error:
            problem = type(error).__name__  # its text quotes URLs and header values
        raise ValueError(f"{self.service}: request cannot be built ({problem})")

    def _fetch(self, request: PreparedRequest, deadline: float) -> Answer | Lost:
        ends_at = self.clock() + deadline
        answer = self._attempt(request, ends_at)
        if request.method == "GET" and isinstance(answer, Lost) and not (answer.sent or answer.certificate):
            answer = self._attempt(request, ends_at)
        return answer

    def _attempt(self, request: PreparedRequest, ends_at: float) -> Answer | Lost:
        connect, read = self.timeout
        # chunks of one byte and headers make the wire longer than the body; beyond this it is a flood
        exchange = Exchange(connect, read, ends_at, self.max_body * 2 + WIRE_OVERHEAD, self.clock)
        return fetch(self._session(), request, exchange, max_body=self.max_body, verify=self.ca_bundle or True)

    def _judge(self, answer: Answer | Lost, effect: Effect, parse: bool, request_id: str) -> Reply:
        found: Reply | outcomes.Outcome
        if isinstance(answer, Lost):
            found = self._lost(answer, effect)
        else:
            found = self._answered(answer, effect, parse, request_id)
        if isinstance(found, Reply):
            return found
        found.service, found.request_id = self.service, request_id
        if isinstance(found, RateLimited):
            self.limiter.hold(found.retry_after)
        raise found

    def _lost(self, lost: Lost, effect: Effect) -> outcomes.Outcome:
        if lost.certificate and not self._certificate_refused:
            self._certificate_refused = True
            log.error("certificate_refused", service=self.service)
        detail = f"{self.service}: {self.redact(lost.detail)[:512]}"
        return outcomes.of_lost(effect, detail, sent=lost.sent, timed_out=lost.timed_out)

    def _answered(self, answer: Answer, effect: Effect, parse: bool, request_id: str) -> Reply | outcomes.Outcome:
        self._certificate_refused = False
        overload = bool(self.overload_text) and self.overload_text in answer.body[:OVERLOAD_WITHIN]
        if overload or not 200 <= answer.status < 300:
            wait = retry_after.seconds(answer.headers.get("Retry-After"), self.default_wait)
            status = 429 if overload else answer.status
            return outcomes.of_status(effect, status, excerpt(answer.body, self.secrets), wait)
        try:
            value = self._value(answer, parse)
        except bodies.Unreadable as problem:
            return outcomes.of_unreadable(effect, f"{self.service}: {problem}", excerpt(answer.body, self.secrets))
        return Reply(answer.status, answer.headers, answer.body, value, request_id)

    def _value(self, answer: Answer, parse: bool) -> Any:
        if not answer.complete:
            raise bodies.Unreadable(f"longer than {self.max_body} bytes")
        if not parse or answer.status == 204:
            return None
        return bodies.parse_json(answer.body, answer.headers.get("Content-Type", ""))

    def _session(self) -> requests.Session:
        """This thread's session; a forked process must not share a connection with its parent."""
        owner, session = getattr(self._local, "owned", (None, None))
        if session is None or owner != os.getpid():
            session = new_session()
            self._local.owned = (os.getpid(), session)
        return session


def _user_agent(contact: str) -> str:
    try:
        number = version("signalbox")
    except PackageNotFoundError:  # run from a checkout that is not installed
        number = "0"
    return f"signalbox/{number}" + (f" (+{contact})" if contact else "")


def _check_address(url: str, service: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{service}: the base URL must be https://host or http://host")
    if parts.scheme == "http" and not checks.is_near(url):
        raise ValueError(f"{service}: plain http is allowed only to this machine or *.sandbox.test; use https")
