"""From a request to a delivery: find the service, apply the first firing fault rule, record, answer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sandbox.actions import Scene
from sandbox.control import PREFIX, Control
from sandbox.delivery import Delivery, whole
from sandbox.faults import ActiveRule, Faults
from sandbox.journal import Journal
from sandbox.tenant import Tenant
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World


class App:
    """The services behind one listener; `latency_ms` delays every answer of a service."""

    def __init__(self, world: World, tenants: Iterable[Tenant], journal: Journal, latency_ms: float) -> None:
        self.journal = journal
        self._world = world
        self._tenants = {tenant.name: tenant for tenant in tenants}
        self._faults = Faults(world)
        self._latency_ms = latency_ms
        self.control = Control(world, self._tenants, self._faults, journal)

    def deliver(self, request: Request) -> Delivery:
        """Act on the request and record it; the delivery must wait for `journal.when_written`."""
        if request.path.startswith(PREFIX):
            return whole(self.control.answer(request), request)
        service, _, rest = request.path[1:].partition("/")
        tenant = self._tenants.get(service)
        if tenant is None:
            return self._unknown(request)
        delivery = self._served(tenant, request, "/" + rest)
        if not self._latency_ms:
            return delivery
        return msgspec.structs.replace(delivery, wait_ms=delivery.wait_ms + self._latency_ms)

    def _unknown(self, request: Request) -> Delivery:
        """Recorded too: a client that follows a redirect elsewhere is found out here."""
        self.journal.append("", request, 404, None, None)
        return whole(json_answer({"error": "no such service"}, 404), request)

    def _served(self, tenant: Tenant, request: Request, path: str) -> Delivery:
        rule = self._faults.firing(tenant.name, request.method, path)
        if rule is not None:
            return self._disturbed(rule, tenant, request, path)
        answer = tenant.answer(request, path)
        self.journal.append(tenant.name, request, answer.status, None, answer.effect)
        return whole(answer, request)

    def _disturbed(self, rule: ActiveRule, tenant: Tenant, request: Request, path: str) -> Delivery:
        action = rule.rule.action
        answer = tenant.answer(request, path) if action.takes_effect() else Answer()
        delivery = action.deliver(answer, Scene(request, rule.random, self._world.clock.now()))
        self.journal.append(tenant.name, request, delivery.status, action.kind, answer.effect)
        return delivery
