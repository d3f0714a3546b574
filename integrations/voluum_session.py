"""The session of Voluum: its access key, exchanged for a token that ends at an instant of Voluum's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from config import clock
from integrations.errors import Malformed
from integrations.http import Effect
from integrations.platforms import patiently
from integrations.shared_token import SharedToken, granted, token_in

LOGIN = "/auth/access/session"
UNSTATED = 3600.0


@dataclass(slots=True)
class Session(SharedToken):
    """`on_token` is told each new token, so that it can be kept out of texts."""

    SHORTEST = 60.0

    access_id: str
    access_key: str = field(repr=False)
    on_token: Callable[[str], None]

    def _renew(self) -> tuple[str, float]:
        keys = {"accessId": self.access_id, "accessKey": self.access_key}
        answer = granted(lambda: patiently(lambda: self.client.call("POST", LOGIN, effect=Effect.READ, json=keys))).json
        token = token_in(answer, "token")
        if not token:
            raise Malformed("voluum: no token in the answer")
        self.on_token(token)
        return token, _life(answer.get("expirationTimestamp"))


def _life(timestamp: Any) -> float:
    """Seconds until the stated end; an hour when it cannot be read, for a refused token is replaced anyway."""
    try:
        ends_at = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return UNSTATED
    return (ends_at.replace(tzinfo=ends_at.tzinfo or UTC) - clock.now()).total_seconds()
