"""What both protocols of AdLoad share: where it is, its key, how long it is asked, and the pause after a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from config import clock
from config.settings import Settings
from integrations.adload.pause import Pause
from integrations.adload.port import Ears
from integrations.errors import Unauthorized
from integrations.http import Client

CONNECT_SECONDS = 0.3
BAD_ITEM = frozenset({400, 413, 422})


@dataclass(slots=True)
class Remote:
    """`seconds` bounds one call, `batch_seconds` a batch of them; `currency` is the one we settle in."""

    url: str
    currency: str
    token: str = field(default="", repr=False)
    seconds: float = 2.0
    batch_seconds: float = 10.0
    on_pause: Callable[[Unauthorized], object] | None = None
    on_resume: Callable[[], object] | None = None
    ca_bundle: str | None = None
    clock: Callable[[], float] = clock.monotonic
    transactional: bool = field(init=False, default=False)
    client: Client = field(init=False, repr=False)
    _pause: Pause = field(init=False, repr=False)

    def breaker_open(self) -> bool:
        """True while calls would not be made."""
        return self._pause.active() or self.client.breaker.is_open()

    @classmethod
    def _described(cls, settings: Settings, ears: Ears, **own: Any) -> Self:
        return cls(
            url=settings.adload_url or "",
            currency=settings.settlement_currency,
            token=settings.adload_token.get_secret_value() if settings.adload_token else "",
            seconds=settings.adload_timeout_ms / 1000,
            batch_seconds=settings.adload_batch_timeout_ms / 1000,
            on_pause=ears.on_pause,
            on_resume=ears.on_resume,
            ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
            **own,
        )

    def _reach(self, read_seconds: float, headers: Mapping[str, str]) -> None:
        self._pause = Pause(on_pause=self.on_pause, on_resume=self.on_resume, clock=self.clock)
        self.client = Client(
            "adload",
            self.url,
            timeout=(CONNECT_SECONDS, read_seconds),
            deadline=self.seconds,
            headers={**headers, **({"Authorization": f"Bearer {self.token}"} if self.token else {})},
            secrets=(self.token,) if self.token else (),
            ca_bundle=self.ca_bundle,
            clock=self.clock,
        )
