"""The one publishing connection of a process: pipelined publishes, each with a confirm, a deadline and a future."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pika
import structlog
from pika.adapters.select_connection import IOLoop

from config.clock import monotonic
from worker.metrics import CONFIRM_SECONDS
from worker.orders import (
    ConfirmTimeout,
    ConnectionBlocked,
    NotConnected,
    Order,
    PublisherState,
    PublishFailed,
    PublishRefused,
    PublishUnroutable,
)
from worker.queues import QueueType
from worker.wire import Wire

__all__ = ["ConfirmPublisher", "PublishFailed", "PublisherState"]

WINDOW = 500
TICK = 0.05
log = structlog.get_logger(__name__)


class ConfirmPublisher:
    """Publishes from any thread through one connection of its own thread; safe to create before a fork.

    `waits` decides what happens while there is no usable connection: publishes wait for it up to their deadline, or
    fail at once. Callbacks of futures run on the io thread: they must be quick and must not wait.
    """

    def __init__(
        self,
        parameters: Sequence[pika.connection.Parameters],
        *,
        role: str = "worker",
        queue_type: QueueType = "classic",
        waits: bool = True,
        window: int = WINDOW,
    ) -> None:
        self.state = PublisherState.CONNECTING
        self.on_state_change: list[Callable[[PublisherState], object]] = []
        self._waits = waits
        self._window = window
        self._connection_options = (list(parameters), queue_type)
        self._loop: IOLoop
        self._wire: Wire
        self._inbox: deque[Order] = deque()
        self._flight: dict[int, Order] = {}
        self._awake = False
        self._watching = False
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()
        self._confirm_seconds = CONFIRM_SECONDS.labels(role)

    @property
    def blocked(self) -> bool:
        """Whether the broker has said that it takes no messages for now."""
        return self.state is PublisherState.BLOCKED

    def publish(self, queue: str, body: bytes, deadline: float, exchange: str = "") -> Future[None]:
        """Hand a message over; the future ends with None once the broker has it safely, or with a PublishFailed."""
        order = Order(queue, body, deadline, exchange)
        if self.state is PublisherState.CLOSED or (not self._waits and self._is_unusable()):
            order.future.set_exception(self._why_unusable())
            return order.future
        self._inbox.append(order)
        self._wake()
        return order.future

    def start(self) -> None:
        """Begin to connect; publishing does it by itself."""
        with self._lock:
            if self._thread is None and self.state is not PublisherState.CLOSED:
                self._loop = IOLoop()
                self._wire = Wire(*self._connection_options, self._loop, self)
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Wait for the confirms that are under way, fail the rest, end the connection and its thread."""
        deadline = monotonic() + timeout
        for order in [*self._inbox, *list(self._flight.values())]:
            order.wait(deadline - monotonic())
        with self._lock:
            thread, self._thread = self._thread, None
            self._change(PublisherState.CLOSED)
        if thread is not None:
            self._loop.add_callback_threadsafe(self._wire.close)
            thread.join(max(1.0, deadline - monotonic()))
        self._fail_all(NotConnected("the publisher is closed"))

    def _is_unusable(self) -> bool:
        return self.state is PublisherState.DOWN or self.state is PublisherState.BLOCKED

    def _why_unusable(self) -> PublishFailed:
        if self.state is PublisherState.BLOCKED:
            return ConnectionBlocked("the broker takes no messages for now")
        return NotConnected("there is no connection to the broker")

    def _wake(self) -> None:
        if self._thread is None:
            self.start()
        # one wake-up carries everything that gathers until the loop gets to it
        if not self._awake and self._thread is not None:
            self._awake = True
            self._loop.add_callback_threadsafe(self._pump)

    # everything below runs on the io thread

    def _run(self) -> None:
        loop, wire = self._loop, self._wire
        try:
            wire.connect()
            loop.start()
        except BaseException as error:
            if wire.is_closing and isinstance(error, AssertionError):
                return  # pika's answer to a close in the middle of its handshake; the socket goes with the loop
            self._start_over()
            wire.close()
            loop.start()  # once more, to end the connection
            raise
        finally:
            loop.close()

    def _start_over(self) -> None:
        """A bug ended the loop: no future stays open, and the next publish starts a new one."""
        with self._lock:
            self._thread = None
            self._awake = self._watching = False
            self._change(PublisherState.CONNECTING)
        self._fail_all(NotConnected("the publisher has ended"))

    def _pump(self) -> None:
        self._awake = False
        if self._inbox and not self._watching:
            self._watching = True
            self._loop.call_later(TICK, self._expire)
        if self.state is not PublisherState.UP:
            if not self._waits and self._is_unusable():
                self._fail_all(self._why_unusable())
            return
        while self._inbox and len(self._flight) < self._window and self._wire.is_open:
            self._send(self._inbox.popleft())

    def _send(self, order: Order) -> None:
        order.sent_at = monotonic()
        if order.expires <= order.sent_at:
            order.fail(ConfirmTimeout("the deadline passed before the message could be sent"))
        else:
            self._write(order)

    def _write(self, order: Order) -> None:
        try:
            tag = self._wire.send(order.queue, order.body, order.exchange)
        except BaseException as error:
            order.fail(NotConnected(f"the message was not sent: {type(error).__name__}"))
            raise
        self._flight[tag] = order

    def _expire(self) -> None:
        now = monotonic()
        for order in [order for order in self._inbox if order.expires <= now]:
            self._inbox.remove(order)
            order.fail(self._why_unusable() if self._is_unusable() else ConfirmTimeout("the message was not sent"))
        for order in self._flight.values():
            if order.expires <= now and not order.future.done():
                order.fail(ConfirmTimeout("the broker did not confirm in time"))
        self._watching = bool(self._inbox) or any(not order.future.done() for order in self._flight.values())
        if self._watching:
            self._loop.call_later(TICK, self._expire)

    def opened(self) -> None:
        """The connection is ready, or an alarm is over."""
        self._change(PublisherState.UP)
        self._pump()

    def lost(self, error: BaseException) -> None:
        """The connection could not be opened, or is gone with everything that was not confirmed."""
        self._change(PublisherState.DOWN)
        self._fail_flight(PublishFailed(f"the connection was lost: {type(error).__name__}"))
        if not self._waits:
            self._fail_all(self._why_unusable())

    def blocked_by_broker(self) -> None:
        """An alarm: nothing that is under way will be confirmed before it ends."""
        self._change(PublisherState.BLOCKED)
        for order in self._flight.values():
            order.fail(self._why_unusable())
        if not self._waits:
            self._fail_all(self._why_unusable())

    def returned(self, tag: int) -> None:
        """The message has no queue: declare it and try once more; the confirm that follows is for the first try."""
        order = self._flight.get(tag)
        if order is None or order.future.done():
            return
        self._wire.forget(order.queue)
        if order.declared_again:
            order.fail(PublishUnroutable(f"the queue {order.queue} does not exist"))
            return
        again = Order(order.queue, order.body, 0)
        again.future, again.expires, again.declared_again = order.future, order.expires, True
        order.future = Future()
        self._inbox.appendleft(again)

    def confirmed(self, tag: int, multiple: bool, taken: bool) -> None:
        """The broker has this message, or refuses it; `multiple` speaks of all earlier ones as well."""
        tags = [earlier for earlier in self._flight if earlier <= tag] if multiple else [tag]
        now = monotonic()
        for each in tags:
            order = self._flight.pop(each, None)
            if order is not None:
                self._settle(order, taken, now)
        if self._inbox:
            self._pump()

    def _settle(self, order: Order, taken: bool, now: float) -> None:
        self._confirm_seconds.observe(now - order.sent_at)
        if not taken:
            order.fail(PublishRefused(f"the broker refused a message for {order.queue}"))
        elif not order.future.done():
            order.future.set_result(None)

    def _fail_flight(self, error: PublishFailed) -> None:
        flight, self._flight = self._flight, {}
        for order in flight.values():
            order.fail(error)

    def _fail_all(self, error: PublishFailed) -> None:
        self._fail_flight(error)
        while self._inbox:
            self._inbox.popleft().fail(error)

    def _change(self, state: PublisherState) -> None:
        if state is self.state or self.state is PublisherState.CLOSED:
            return
        self.state = state
        log.info("publisher_changed", state=state.value)
        for hook in self.on_state_change:
            hook(state)
