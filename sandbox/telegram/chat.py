"""One chat: who may write there, how often, and what it says now."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

MINUTE = timedelta(seconds=60)


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a chat behaves: `threads` are its topics, null for any; `moved_to` is the id it has now."""

    state: Literal["open", "not_found", "blocked", "deactivated", "kicked", "deleted", "no_rights"] = "open"
    moved_to: int | None = None
    threads: list[int] | None = None
    per_minute: int = 20
    per_second: int = 1


class Message(msgspec.Struct):
    """One message as it reads now; `texts` are all it ever read."""

    message_id: int
    text: str
    thread_id: int | None
    silent: bool
    reply_to: int | None
    buttons: list[Any]
    sent_at: datetime
    texts: list[str]


class Chat:
    """Messages by id, and when calls were made."""

    def __init__(self, chat_id: int) -> None:
        self.id = chat_id
        self.rules = Rules()
        self.messages: dict[int, Message] = {}
        self._calls: deque[datetime] = deque()

    def wait(self, now: datetime) -> int:
        """Whole seconds until another message or edit is allowed; 0 for at once."""
        while self._calls and self._calls[0] <= now - MINUTE:
            self._calls.popleft()
        if self.id < 0 and len(self._calls) >= self.rules.per_minute:
            return max(1, int((self._calls[0] + MINUTE - now).total_seconds()) + 1)
        lately = [at for at in self._calls if at > now - timedelta(seconds=1)]
        if len(lately) >= self.rules.per_second:
            return 1
        return 0

    def count(self, now: datetime) -> None:
        """A message or an edit was taken; what is refused counts nothing."""
        self._calls.append(now)

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "rules": msgspec.to_builtins(self.rules),
            "messages": [msgspec.to_builtins(one) for one in self.messages.values()],
        }
