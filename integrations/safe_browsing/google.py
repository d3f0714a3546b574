"""What both services of Google share: the key, the cache, and how long one check goes on asking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from config import clock
from integrations.http import Client
from integrations.safe_browsing.port import Cache, NoCache, Verdict

TIMEOUT = (3.0, 5.0)
DEADLINE = 8.0


@dataclass(slots=True)
class Google(ABC):
    """`provider` is the name on verdicts and cached answers; what is not known after `seconds` stays unknown."""

    key: str = field(default="", repr=False)
    url: str = ""
    provider: str = ""
    cache: Cache = field(default_factory=NoCache)
    timeout: tuple[float, float] = TIMEOUT
    ca_bundle: str | None = None
    seconds: float = 40.0
    clock: Callable[[], float] = clock.monotonic
    client: Client = field(init=False, repr=False)

    def check(self, urls: Collection[str], *, fresh: Collection[str] = ()) -> dict[str, Verdict]:
        """A verdict for each address; see the port."""
        return self._check(urls, fresh, self.seconds)

    def check_live(self, urls: Collection[str], *, seconds: float | None = None) -> dict[str, Verdict]:
        """The same without the cache, in at most so many seconds."""
        return self._check((), urls, self.seconds if seconds is None else seconds)

    @abstractmethod
    def _check(self, urls: Collection[str], fresh: Collection[str], seconds: float) -> dict[str, Verdict]:
        """A verdict for each address, those of `fresh` never from the cache."""

    def _client(self, service: str, headers: Mapping[str, str], **pace: Any) -> Client:
        return Client(
            service,
            self.url,
            timeout=self.timeout,
            deadline=DEADLINE,
            headers={**headers, **({"X-Goog-Api-Key": self.key} if self.key else {})},
            secrets=(self.key,) if self.key else (),
            ca_bundle=self.ca_bundle,
            clock=self.clock,
            **pace,
        )
