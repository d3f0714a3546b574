"""Stands in when no provider was chosen: it knows nothing and says why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from config import clock
from integrations.errors import Unavailable
from integrations.safe_browsing.port import Verdict, unknown

REASON = "no_provider"


@dataclass(frozen=True, slots=True)
class Unset:
    """Every verdict is unknown."""

    provider: str = "unset"

    def check(self, urls: Collection[str], *, fresh: Collection[str] = ()) -> dict[str, Verdict]:
        """Unknown, for each address."""
        now = clock.now()
        return {url: unknown(self.provider, now, REASON) for url in (*urls, *fresh)}

    def check_live(self, urls: Collection[str], *, seconds: float | None = None) -> dict[str, Verdict]:
        """Unknown, for each address."""
        return self.check(urls)

    def probe(self) -> str:
        """Raises Unavailable: there is nobody to ask."""
        raise Unavailable("SAFE_BROWSING_PROVIDER is not set; choose webrisk, safebrowsing-v5 or sandbox")
