"""The fault rules: which requests are disturbed, how often, and by which action."""

from __future__ import annotations

import re
from fnmatch import translate
from random import Random
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sandbox.actions import AnyAction
from sandbox.world import World


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`path` is a glob over what follows the service's prefix; `*` also crosses slashes."""

    method: str = "*"
    path: Annotated[str, Meta(pattern=r"^[/*]")] = "*"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule as it is posted: skip the first `after` matches, act at most `times` times."""

    service: str
    action: AnyAction
    match: Match = msgspec.field(default_factory=Match)
    after: Annotated[int, Meta(ge=0)] = 0
    times: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0


class ActiveRule:
    """A rule with its counts; the generator is its own, so that rules do not disturb each other."""

    def __init__(self, rule_id: str, rule: Rule, random: Random) -> None:
        self.id = rule_id
        self.rule = rule
        self.random = random
        self.seen = 0
        self.fired = 0
        self._path = re.compile(translate(rule.match.path))

    def fires(self, service: str, method: str, path: str) -> bool:
        """Whether this rule acts on the request; counts it if it matches."""
        if not self._matches(service, method, path):
            return False
        self.seen += 1
        spent = self.rule.times is not None and self.fired >= self.rule.times
        if self.seen <= self.rule.after or spent or self.random.random() >= self.rule.probability:
            return False
        self.fired += 1
        return True

    def _matches(self, service: str, method: str, path: str) -> bool:
        match = self.rule.match
        return service == self.rule.service and match.method in ("*", method) and bool(self._path.match(path))

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = msgspec.to_builtins(self.rule)
        return {"id": self.id, **described, "seen": self.seen, "fired": self.fired}


class Faults:
    """The rules in the order in which they were added; the first one that fires wins."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules: dict[str, ActiveRule] = {}
        self._added = 0

    def add(self, rule: Rule) -> ActiveRule:
        self._added += 1
        rule_id = f"f{self._added}"
        self._rules[rule_id] = ActiveRule(rule_id, rule, self._world.random(f"fault {rule_id}"))
        return self._rules[rule_id]

    def remove(self, rule_id: str) -> bool:
        """Whether there was such a rule."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """No rules, and the numbering (with it the dice) begins anew."""
        self._rules.clear()
        self._added = 0

    def listed(self) -> list[dict[str, Any]]:
        return [rule.describe() for rule in self._rules.values()]

    def firing(self, service: str, method: str, path: str) -> ActiveRule | None:
        """The rule that disturbs this request; `path` is relative to the service's prefix."""
        return next((rule for rule in self._rules.values() if rule.fires(service, method, path)), None)
