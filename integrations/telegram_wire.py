"""Carries the requests of the Telegram library, which left alone puts them into URLs, waits and repeats."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import requests

from integrations import body as bodies
from integrations.exchange import Exchange
from integrations.transport import Answer, Lost, fetch, new_session

DEADLINE = 30.0
MAX_BODY = 1 << 20
WIRE_BYTES = 3 * MAX_BODY


class NoAnswer(Exception):
    """The request was lost; `lost` says how, and may hold the token."""

    def __init__(self, lost: Lost) -> None:
        super().__init__("no answer")
        self.lost = lost


class _Answered:
    """What the library wants to see of an answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.status_code, self.content, self.reason = answer.status, answer.body, ""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        if not self._answer.complete:
            raise bodies.Unreadable("the answer is too long")
        return bodies.parse_json(self.content, self._answer.headers.get("Content-Type", ""))


class Wire:
    """Called by the library for each request: parameters in the body, both timeouts and a total one, one attempt."""

    def __init__(self, verify: str | bool, clock: Callable[[], float]) -> None:
        self._verify, self._clock, self._local = verify, clock, threading.local()

    def __call__(self, method: str, url: str, *, params: Any, files: Any, timeout: Any, proxies: Any) -> _Answered:
        connect, read = timeout
        request = self._session().prepare_request(requests.Request("POST", url, data=params, files=files))
        waits_for_news = "timeout" in (params or {})
        ends_at = self._clock() + (connect + read if waits_for_news else DEADLINE)
        exchange = Exchange(connect, read, ends_at, WIRE_BYTES, self._clock)
        answer = fetch(self._session(), request, exchange, max_body=MAX_BODY, verify=self._verify)
        if isinstance(answer, Lost):
            raise NoAnswer(answer)
        return _Answered(answer)

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = new_session()
        session: requests.Session = self._local.session
        return session
