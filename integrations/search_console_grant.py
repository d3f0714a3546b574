"""The way into Search Console: the key of a service account, exchanged for a token that lives for an hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import Malformed
from integrations.http import Effect
from integrations.shared_token import SharedToken, granted, token_in

SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
LONGEST_LIFE = 86_400


@dataclass(frozen=True, slots=True)
class _Carried:
    """An answer in the shape that the library of Google reads."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(slots=True)
class Grant(SharedToken):
    """The key is shown to no one but the library that signs."""

    account: Mapping[str, Any] = field(repr=False)
    _credentials: Any = field(init=False, repr=False)
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

    def _renew(self) -> tuple[str, float]:
        self._credentials.refresh(self._carry)
        token = str(self._credentials.token)
        self.client.secrets = (*self.client.secrets[-1:], token)
        return token, self._life

    def _carry(
        self, url: str, method: str = "POST", body: bytes | None = None, headers: Any = None, **_: Any
    ) -> _Carried:
        """The transport of the library; outcomes pass through it as they are, so that it repeats nothing itself."""
        named = dict(headers or {})
        reply = granted(lambda: self.client.call(method, "", effect=Effect.READ, body=body, headers=named))
        life = reply.json.get("expires_in") if isinstance(reply.json, dict) else None
        if not token_in(reply.json, "access_token") or type(life) is not int or not 0 < life <= LONGEST_LIFE:
            raise Malformed("search-console: no token in the answer")
        self._life = float(life)
        return _Carried(reply.status, reply.headers, reply.body)
