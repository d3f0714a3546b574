"""The way into Search Console: the key of a service account, exchanged for a token that lives for an hour."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import Malformed, Rejected, Unauthorized
from integrations.http import Client, Effect, Reply

SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
EARLY = 300.0
LONGEST_LIFE = 86_400
REFUSALS = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class _Carried:
    """An answer in the shape that the library of Google reads."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(slots=True)
class Grant:
    """One token for all threads, renewed five minutes early; the key is shown to no one but the library that signs."""

    client: Client
    account: Mapping[str, Any] = field(repr=False)
    _credentials: Any = field(init=False, repr=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    _token: str = field(init=False, default="", repr=False)
    _renew_at: float = field(init=False, default=0.0)
    _life: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        from google.oauth2 import service_account  # large, and few processes ever ask Search Console

        problem = None
        try:
            made = service_account.Credentials.from_service_account_info(self.account, scopes=[SCOPE])
            self._credentials = made.with_token_uri(self.client.base_url)
        except ValueError as error:
            problem = type(error).__name__  # the text may quote the key
        if problem:
            raise ValueError(f"GSC_SERVICE_ACCOUNT: its private key cannot be used ({problem}); make a new key")

    def token(self) -> str:
        """A token that should still be good; raises Unauthorized when the key is refused, or another outcome."""
        with self._lock:
            if not self._token or self.client.clock() >= self._renew_at:
                self._renew()
            return self._token

    def forget(self, token: str) -> None:
        """This token was refused; another thread may have replaced it already."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _renew(self) -> None:
        self._credentials.refresh(self._carry)
        self._token = str(self._credentials.token)
        self.client.secrets = (*self.client.secrets[-1:], self._token)
        # a short life must not cause a grant for each call
        self._renew_at = self.client.clock() + max(self._life - EARLY, self._life / 2)

    def _carry(
        self, url: str, method: str = "POST", body: bytes | None = None, headers: Any = None, **_: Any
    ) -> _Carried:
        """The transport of the library; outcomes pass through it as they are, so that it repeats nothing itself."""
        reply = self._granted(method, body, dict(headers or {}))
        document = reply.json
        token = document.get("access_token") if isinstance(document, dict) else None
        life = document.get("expires_in") if isinstance(document, dict) else None
        usable = isinstance(token, str) and token.isascii() and token.isprintable() and token
        if not usable or type(life) is not int or not 0 < life <= LONGEST_LIFE:
            raise Malformed("search-console: no token in the answer")
        self._life = float(life)
        return _Carried(reply.status, reply.headers, reply.body)

    def _granted(self, method: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        problem = ""
        try:
            return self.client.call(method, "", effect=Effect.READ, body=body, headers=headers)
        except Malformed as error:
            problem = error.detail  # without the excerpt: it may hold the token, which nobody knows to hide yet
        except Rejected as error:
            if error.status not in REFUSALS:
                raise
            raise Unauthorized(error.code, error.detail, status=error.status) from None
        raise Malformed(problem)
