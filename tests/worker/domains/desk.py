"""The workers of a test: messages that were sent are run by hand, the delayed ones when the clock has come to them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import dramatiq
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from integrations.errors import OutcomeUnknown, Rejected, Unavailable
from models.database import execute
from worker.actor import ACTORS
from worker.failures import Busy

Message = dramatiq.Message[Any]


class Desk:
    """What was sent and not yet run; `ran` and `dead` count runs and given-up ones."""

    def __init__(self, broker: StubBroker, clock: time_machine.Traveller) -> None:
        self._broker, self._clock = broker, clock
        self._delayed: list[tuple[float, Message]] = []
        self.ran: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()

    def work(self, *tasks: str, most: int = 200) -> None:
        """Run everything that is due, and what follows from it; only these tasks, if some are named."""
        waiting = self._due()
        while waiting and most:
            most -= 1
            message = waiting.pop(0)
            if not tasks or message.actor_name in tasks:
                self._run(message)
            waiting += self._due()

    def pass_time(self, seconds: float, *tasks: str, step: float = 5) -> None:
        """Let time go by in steps, with everything that becomes due; of these tasks only, if some are named."""
        self.work(*tasks)
        while seconds > 0:
            self._clock.shift(timedelta(seconds=min(step, seconds)))
            seconds -= step
            self.work(*tasks)

    def lose(self) -> None:
        """Forget what was sent, as if the broker had burnt down."""
        self._due()
        self._delayed.clear()

    def _run(self, message: Message) -> None:
        self.ran[message.actor_name] += 1
        try:
            ACTORS[message.actor_name](*message.args, **message.kwargs)
        except (Busy, Unavailable) as error:
            wait = error.seconds if isinstance(error, Busy) else error.retry_after or 10
            self._delayed.append((now().timestamp() + wait, message))
        except (OutcomeUnknown, Rejected):
            self.dead[message.actor_name] += 1

    def _due(self) -> list[Message]:
        for message in self._sent():
            self._delayed.append((message.options.get("eta", 0) / 1000, message))
        ready = [message for at, message in self._delayed if at <= now().timestamp()]
        self._delayed = [(at, message) for at, message in self._delayed if at > now().timestamp()]
        return ready

    def _sent(self) -> list[Message]:
        found = []
        for queue in self._broker.queues.values():
            while not queue.empty():
                found.append(Message.decode(queue.get_nowait()))
                queue.task_done()
        return found


def step(switch_id: int, name: str, state: str, *, done: int = 0, total: int = 0, error: str | None = None) -> None:
    """How far a step at a platform has come."""
    execute(
        "update switch_step set state = %s, items_done = %s, items_total = %s, last_error = %s, attempts = 2, "
        "lease_until = null where switch_id = %s and step = %s",
        (state, done, total, error, switch_id, name),
    )
