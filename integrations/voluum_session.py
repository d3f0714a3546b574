"""The session of Voluum: one token for all threads, renewed early, and anew when Voluum forgot it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from config import clock
from integrations.errors import Malformed, Rejected, Unauthorized
from integrations.http import Client, Effect
from integrations.platforms import patiently

LOGIN = "/auth/access/session"
EARLY = 300.0
SHORTEST = 60.0
UNSTATED = 3600.0
REFUSALS = frozenset({400, 401, 403})


@dataclass(slots=True)
class Session:
    """`on_token` is told each new token, so that it can be kept out of texts."""

    client: Client
    access_id: str
    access_key: str = field(repr=False)
    on_token: Callable[[str], None]
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _token: str = field(init=False, default="", repr=False)
    _renew_at: float = field(init=False, default=0.0)

    def token(self) -> str:
        """A token that should still be good; logs in when there is none. Raises Unauthorized when that is refused."""
        with self._lock:
            if not self._token or self.client.clock() >= self._renew_at:
                self._log_in()
            return self._token

    def forget(self, token: str) -> None:
        """Voluum refused this token; another thread may have replaced it already."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _log_in(self) -> None:
        answer = self._answer()
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise Malformed("voluum: no token in the answer")
        self.on_token(token)
        life = _life(answer.get("expirationTimestamp"))
        # a clock that runs ahead of Voluum's must not cause a login for each call
        self._token, self._renew_at = token, self.client.clock() + max(life - EARLY, life / 2, SHORTEST)

    def _answer(self) -> Any:
        keys = {"accessId": self.access_id, "accessKey": self.access_key}
        try:
            with _refused():
                return patiently(lambda: self.client.call("POST", LOGIN, effect=Effect.READ, json=keys)).json
        except Malformed as error:
            problem = error.detail
        raise Malformed(problem)  # without the excerpt: it may hold the token, which nobody knows to hide yet


@contextmanager
def _refused() -> Iterator[None]:
    """Whatever Voluum dislikes about the keys, repeating will not help."""
    try:
        yield
    except Rejected as error:
        if isinstance(error, Unauthorized) or error.status not in REFUSALS:
            raise
        raise Unauthorized(error.code, error.detail, status=error.status) from None


def _life(timestamp: Any) -> float:
    """Seconds until the stated end; an hour when it cannot be read, for a refused token is replaced anyway."""
    try:
        ends_at = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return UNSTATED
    return (ends_at.replace(tzinfo=ends_at.tzinfo or UTC) - clock.now()).total_seconds()
