"""One message on its way to a confirm, the ways in which it can fail, and the states of the connection it takes."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from enum import StrEnum

from dramatiq.errors import ConnectionClosed

from config.clock import monotonic


class PublishFailed(ConnectionClosed):
    """The message was not confirmed; after a lost connection or a passed deadline it may have arrived all the same."""

    def __init__(self, message: str) -> None:
        super().__init__(message)  # type: ignore[no-untyped-call]


class NotConnected(PublishFailed):
    """There is no connection to the broker; nothing was sent."""


class ConfirmTimeout(PublishFailed):
    """The deadline passed without a confirm."""


class ConnectionBlocked(PublishFailed):
    """The broker takes no messages: a memory or disk alarm."""


class PublishRefused(PublishFailed):
    """The broker refused the message: the queue is full."""


class PublishUnroutable(PublishFailed):
    """The queue does not exist, not even after it was declared again."""


class PublisherState(StrEnum):
    """What the publishing connection is able to do."""

    CONNECTING = "connecting"
    UP = "up"
    BLOCKED = "blocked"
    DOWN = "down"
    CLOSED = "closed"


class Order:
    """One message on its way to a confirm."""

    __slots__ = ("body", "declared_again", "exchange", "expires", "future", "queue", "sent_at")

    def __init__(self, queue: str, body: bytes, deadline: float, exchange: str = "") -> None:
        self.queue = queue
        self.exchange = exchange
        self.body = body
        self.expires = monotonic() + deadline
        self.sent_at = 0.0
        self.declared_again = False
        self.future: Future[None] = Future()
        self.future.set_running_or_notify_cancel()  # nobody can take back what the broker may have

    def fail(self, error: PublishFailed) -> None:
        """End the future with this error, unless it has ended already."""
        if not self.future.done():
            self.future.set_exception(error)

    def wait(self, seconds: float) -> None:
        """Until the future has ended somehow, or so many seconds have passed."""
        with suppress(TimeoutError):
            self.future.exception(max(0.0, seconds))
