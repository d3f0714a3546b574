"""Telegram in a dry run: news are read, and nothing is said; what would be said is logged by kind and length only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config.ids import new_id
from integrations.dry_run import note
from integrations.telegram_port import POLL_SECONDS, Button, Draft, Sent, TelegramPort


class DryTelegram:
    """Sent messages have ids below zero, which no message of Telegram has."""

    def __init__(self, inner: TelegramPort) -> None:
        self._inner = inner

    def send(self, draft: Draft) -> Sent:
        """Answered as sent, where it was to be sent to."""
        message_id = -1 - (new_id().int & 0x7FFFFFFF)
        note("telegram", "message", message=message_id, length=len(draft.text))
        return Sent(draft.chat_id, message_id)

    def edit(self, message: Sent, text: str, buttons: Sequence[Sequence[Button]] = ()) -> None:
        """Answered as edited."""
        note("telegram", "edit", message=message.message_id, length=len(text))

    def answer(self, press_id: str, text: str = "") -> None:
        """Answered as answered."""
        note("telegram", "answer", length=len(text))

    def updates(self, after: int, seconds: int = POLL_SECONDS) -> list[dict[str, Any]]:
        """What really happened in the chats."""
        return self._inner.updates(after, seconds)

    def set_webhook(self, url: str, secret: str) -> None:
        """Answered as set."""
        note("telegram", "set webhook")

    def delete_webhook(self) -> None:
        """Answered as deleted."""
        note("telegram", "delete webhook")

    def probe(self) -> str:
        """Prove token and reachability, in words."""
        return self._inner.probe()
