"""What services with a login share: one token for all threads, renewed early, and anew when it was refused."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from integrations.errors import Malformed, Rejected, Unauthorized
from integrations.http import Client, Reply

EARLY = 300.0
REFUSALS = frozenset({400, 401, 403})

_Result = TypeVar("_Result")


@dataclass(slots=True)
class SharedToken(ABC):
    """`client` is the one that asks for tokens; `SHORTEST` seconds a token is kept, however soon it is to end."""

    SHORTEST: ClassVar[float] = 0.0

    client: Client
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    _token: str = field(init=False, default="", repr=False)
    _renew_at: float = field(init=False, default=0.0)

    def token(self) -> str:
        """A token that should still be good; raises Unauthorized when the keys are refused, or another outcome."""
        with self._lock:
            if not self._token or self.client.clock() >= self._renew_at:
                token, life = self._renew()
                # neither a short life nor a clock that runs ahead of the service's may cause a login for each call
                self._renew_at = self.client.clock() + max(life - EARLY, life / 2, self.SHORTEST)
                self._token = token
            return self._token

    def forget(self, token: str) -> None:
        """This token was refused; another thread may have replaced it already."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def ask(self, call: Callable[[str], _Result]) -> _Result:
        """One call, and once more with a fresh token when this one was refused; then Unauthorized stands."""
        token = self.token()
        try:
            return call(token)
        except Unauthorized:
            self.forget(token)
        return call(self.token())

    @abstractmethod
    def _renew(self) -> tuple[str, float]:
        """A new token, and for how many seconds it is good."""


def granted(call: Callable[[], Reply]) -> Reply:
    """The answer to a request for a token; whatever is disliked about the keys, repeating will not help."""
    try:
        with _refused():
            return call()
    except Malformed as error:
        problem = error.detail
    raise Malformed(problem)  # without the excerpt: it may hold the token, which nobody knows to hide yet


def token_in(document: Any, name: str) -> str:
    """The token in an answer; empty if there is none that a header could carry."""
    token = document.get(name) if isinstance(document, dict) else None
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else ""


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except Rejected as error:
        if isinstance(error, Unauthorized) or error.status not in REFUSALS:
            raise
        raise Unauthorized(error.code, error.detail, status=error.status) from None
