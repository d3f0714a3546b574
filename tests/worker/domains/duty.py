"""Workers on duty beside a sandbox: blocks are run as they fall due, what follows from them is kept to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from models import alert_edits
from models.database import fetch
from models.domain_states import Source, Verdict
from models.domains import DomainEvidence
from models.incidents import Incident
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains import yard
from worker.domains.blocking import block_active_tracking_domain as block

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
A, B, C, D = (f"{name}.sandbox.test" for name in "abcd")


class Duty:
    """`sent` is (task, arguments) of everything but blocks that was sent; `waiting` is when blocks fall due."""

    def __init__(self, sandbox: Sandbox, broker: StubBroker, clock: time_machine.Traveller) -> None:
        self.sandbox, self._broker, self._clock = sandbox, broker, clock
        self._later: list[tuple[datetime, dict[str, Any]]] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []

    @property
    def waiting(self) -> list[timedelta]:
        """In how much time each block falls due."""
        self._gather()
        return sorted(at - now() for at, _ in self._later)

    def suspected(self, name: str = A, source: Source = Source.GSB, **more: Any) -> DomainEvidence:
        """A domain is listed, or nobody resolves it any more, and the first answer says so."""
        if source is Source.DNS:
            self.sandbox.host(name, dns="nx")
        elif source is Source.GSB:
            self.sandbox.host(name, listed=["SOCIAL_ENGINEERING"])
        more.setdefault("detail", {"threats": ["SOCIAL_ENGINEERING"]})
        return yard.answer(name, Verdict.UNSAFE, source, **more)

    def block(self, domain: str = A, reason: str = "GSB_UNSAFE", evidence: DomainEvidence | None = None) -> None:
        """Send the order and run it."""
        block.send(domain=domain, reason=reason, evidence_id=evidence.id if evidence else None)
        self.run()

    def confirmed(self, name: str = A, source: Source = Source.GSB, reason: str = "GSB_UNSAFE") -> DomainEvidence:
        """Suspected, ordered, and asked again half a minute later."""
        row = self.suspected(name, source)
        self.block(name, reason, row)
        self.wait(30)
        return row

    def wait(self, seconds: float) -> None:
        """Let so much time pass, then run what is due."""
        self._clock.shift(timedelta(seconds=seconds))
        self.run()

    def run(self) -> None:
        """Run every block that is due, and those that follow."""
        self._gather()
        while due := [one for one in self._later if one[0] <= now()]:
            self._later.remove(due[0])
            block(**due[0][1])
            self._gather()

    def _gather(self) -> None:
        for queue in self._broker.queues.values():
            while not queue.empty():
                message = dramatiq.Message.decode(queue.get_nowait())
                queue.task_done()
                self._keep(message)

    def _keep(self, message: dramatiq.Message[Any]) -> None:
        if message.actor_name != block.actor_name:
            self.sent.append((message.actor_name, message.kwargs))
            return
        # delays are rounded up to a millisecond, and nothing here is that exact
        at = datetime.fromtimestamp(message.options.get("eta", 0) // 1000, UTC)
        self._later.append((at, message.kwargs))


@contextmanager
def on_duty(sandbox: Sandbox, broker: StubBroker, settings_env: SettingsEnv, **more: str) -> Iterator[Duty]:
    """With time that stands still until it is moved."""
    sandbox.reset()
    settings_env(SANDBOX_URL=sandbox.url, SAFE_BROWSING_PROVIDER="sandbox", **more)
    with time_machine.travel(NOON, tick=False) as clock:
        yield Duty(sandbox, broker, clock)


def incident(kind: str, key: str) -> Incident | None:
    """The open incident of an object."""
    found = alert_edits.latest(kind, key)
    return found if found and found.open else None


def told(kind: str, key: str) -> dict[str, Any]:
    """What the open incident of an object says."""
    found = incident(kind, key)
    assert found is not None, f"no open incident {kind} {key}"
    return found.payload


def verdict(name: str, source: Source = Source.GSB) -> str:
    """What a source says of a domain now."""
    sql = "select verdict from domain_state where domain_id = %s and source = %s"
    return str(fetch(sql, (yard.domain(name).id, source.value))[0][0])


def buttons(kind: str, key: str) -> list[str]:
    """The buttons of the open incident of an object."""
    return [one["text"] for row in told(kind, key)["buttons"] for one in row]
