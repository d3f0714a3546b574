"""The control plane under `/_sandbox/`: fault rules, journal, state, seeds, hosts, edits and the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sandbox.faults import Faults, Rule
from sandbox.fields import BadField, read, whole_number
from sandbox.hosts import Facts
from sandbox.journal import Journal
from sandbox.strangers import Postponing, When
from sandbox.tenant import Tenant, UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

PREFIX = "/_sandbox/"
_Parts = list[str]


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: int | None = None
    size: Literal["s", "m", "l"] = "s"


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: str
    id: str
    set: dict[str, Any]
    when: When = "now"


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    offset_seconds: Annotated[float, Meta(ge=-(10**9), le=10**9)]


class Control:
    """Answers the control calls; an unusable one gets 400 and the name of the field."""

    def __init__(self, world: World, tenants: Mapping[str, Tenant], faults: Faults, journal: Journal) -> None:
        self._world = world
        self._tenants = tenants
        self._faults = faults
        self._journal = journal
        self._calls: dict[tuple[str, str], Callable[[Request, _Parts], Answer]] = {
            ("POST", "faults"): self._add_fault,
            ("GET", "faults"): self._list_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("GET", "journal"): self._read_journal,
            ("DELETE", "journal"): self._clear_journal,
            ("POST", "reset"): self._reset,
            ("POST", "seed"): self._seed,
            ("POST", "hosts"): self._set_host,
            ("GET", "hosts"): self._list_hosts,
            ("POST", "edit"): self._edit,
            ("GET", "state"): self._state,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._shift_clock,
        }

    def answer(self, request: Request) -> Answer:
        first, *parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        try:
            call = self._calls.get((request.method, first))
            return call(request, parts) if call else self._view(request, first, parts)
        except BadField as bad:
            return json_answer({"error": str(bad), "field": bad.field}, 400)
        except UnknownObject as unknown:
            return json_answer({"error": str(unknown.args[0])}, 404)

    def _add_fault(self, request: Request, parts: _Parts) -> Answer:
        rule = read(request.body, Rule)
        self._tenant(rule.service)
        if rule.match.path.startswith(f"/{rule.service}/"):
            raise BadField("match.path", f"the path is relative to /{rule.service}")
        return json_answer(self._faults.add(rule).describe(), 201)

    def _list_faults(self, request: Request, parts: _Parts) -> Answer:
        return json_answer({"faults": self._faults.listed()})

    def _remove_faults(self, request: Request, parts: _Parts) -> Answer:
        if not parts:
            self._faults.clear()
        elif not self._faults.remove(parts[0]):
            raise UnknownObject(f"no fault rule {parts[0]}")
        return Answer(204)

    def _read_journal(self, request: Request, parts: _Parts) -> Answer:
        wanted = request.parameters()
        since = whole_number(wanted, "since", 0)
        return json_answer({"rows": self._journal.rows(wanted.get("service"), since, wanted.get("path"))})

    def _clear_journal(self, request: Request, parts: _Parts) -> Answer:
        self._journal.clear()
        return Answer(204)

    def _reset(self, request: Request, parts: _Parts) -> Answer:
        """State, rules and clock begin anew; the journal is evidence and has a call of its own."""
        self._faults.clear()
        self._world.clock.reset()
        self._world.hosts.clear()
        for tenant in self._tenants.values():
            tenant.reset()
        return Answer(204)

    def _seed(self, request: Request, parts: _Parts) -> Answer:
        wish = read(request.body, Seed)
        seed = self._world.seed if wish.seed is None else wish.seed
        return json_answer({name: tenant.seed(seed, wish.size) for name, tenant in self._tenants.items()})

    def _set_host(self, request: Request, parts: _Parts) -> Answer:
        """One object, or a list of them that is taken whole or not at all."""
        one = not request.body.lstrip().startswith(b"[")
        wishes = [read(request.body, Facts)] if one else read(request.body, list[Facts])
        answers = [{"host": wish.host, **self._world.hosts.set(wish.host, **wish.given())} for wish in wishes]
        return json_answer(answers[0] if one else {"hosts": len(answers)})

    def _list_hosts(self, request: Request, parts: _Parts) -> Answer:
        return json_answer({"hosts": [{"host": host, **facts} for host, facts in self._world.hosts]})

    def _edit(self, request: Request, parts: _Parts) -> Answer:
        edit = read(request.body, Edit)
        tenant = self._tenant(edit.service)
        if edit.when == "now":
            return json_answer(tenant.edit(edit.id, edit.set))
        if not isinstance(tenant, Postponing):
            raise BadField("when", f"{edit.service} is edited now only")
        tenant.strangers.add(edit.id, edit.set, edit.when)
        return json_answer({"waiting": edit.when}, 202)

    def _state(self, request: Request, parts: _Parts) -> Answer:
        return json_answer(self._tenant("/".join(parts)).state())

    def _clock(self, request: Request, parts: _Parts) -> Answer:
        clock = self._world.clock
        return json_answer({"now": clock.now(), "offset_seconds": clock.offset.total_seconds()})

    def _shift_clock(self, request: Request, parts: _Parts) -> Answer:
        self._world.clock.offset = timedelta(seconds=read(request.body, Shift).offset_seconds)
        return self._clock(request, parts)

    def _view(self, request: Request, service: str, parts: _Parts) -> Answer:
        if request.method != "GET" or service not in self._tenants or len(parts) != 1:
            raise UnknownObject(f"no control call {request.method} {request.path}")
        return json_answer(self._tenants[service].view(parts[0], request.parameters()))

    def _tenant(self, name: str) -> Tenant:
        if name not in self._tenants:
            raise BadField("service", f"no service {name!r}; there are: {', '.join(self._tenants)}")
        return self._tenants[name]
