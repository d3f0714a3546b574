"""Whatever resolvers and reputation providers do wrong, no domain that is fine is left; and one that is not is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from os import urandom
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from models.domain_states import Source
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.search import WHOLE, examples
from tests.worker.domains import weather
from tests.worker.domains.watch import STEPS, Watch, held, hurried, incidents, paced, watching

Begin = Callable[[dict[str, list[str]]], AbstractContextManager[Watch]]
PARTS = 100 if WHOLE else 1
"""So many tests share the simulations, because one may not take for ever."""
MOST_PIPELINES = 20


@pytest.fixture
def begin(
    sandbox: Sandbox, sqlite_database: Any, sqlite_template: Path, stub_broker: StubBroker, settings_env: SettingsEnv
) -> Begin:
    """What starts a simulation over."""
    settings_env(SANDBOX_URL=sandbox.url, SAFE_BROWSING_PROVIDER="sandbox")
    path = Path(sqlite_database.database)
    return lambda lines: watching(sandbox, stub_broker, sqlite_template, path, lines)


def lines(random: Random, least: int = 3) -> dict[str, list[str]]:
    """Pipelines of one active domain and one or two spares."""
    size = random.randint(least, MOST_PIPELINES if random.random() < 0.1 else least + 4)
    hosts = {f"P{number}": random.randint(1, 2) for number in range(size)}
    return {line: [f"{line.lower()}{'abc'[place]}.sandbox.test" for place in range(spares + 1)]
            for line, spares in hosts.items()}  # fmt: skip


class Outage:
    """One simulation: what goes wrong, from when to when, and which domain is truly bad."""

    def __init__(self, watch: Watch, patch: pytest.MonkeyPatch, random: Random) -> None:
        self.watch, self.sandbox, self._patch = watch, watch.sandbox, patch
        self.bad = random.sample(watch.active, 1) if len(watch.active) > 4 and random.random() < 0.3 else []
        self.gone = self.bad if random.random() < 0.5 else []
        self.resolvers = weather.resolvers(random, {*watch.active, *watch.spares} - set(self.gone))
        self.provider = weather.provider(random, watch.active, watch.spares, self.bad)
        which = random.choice(("dns", "gsb", "both"))
        looks = (len(STEPS) + 1) * random.randint(2, 3)
        self._spans = {
            name: sorted(random.sample(range(looks), 2)) for name in ("dns", "gsb") if which in (name, "both")
        }
        self._looks, self._now = range(looks), {"dns": False, "gsb": False}

    def pass_by(self) -> None:
        """A quiet interval, the trouble, and enough quiet ones afterwards for every pause of a client to end."""
        self.watch.interval()
        for name in self.bad:
            self.sandbox.host(name, **({"dns": "nx"} if self.gone else {"listed": weather.PHISHING}))
        for look in self._looks:
            self._turn(look)
            place = look % (len(STEPS) + 1)
            if place == 0:
                self.watch.sweep()
                self._is_told(look)
            else:
                self.watch.go_on(STEPS[place - 1])
            assert held() <= incidents()
        self._turn(len(self._looks))
        self.watch.interval()
        self.watch.go_on(600)
        for _ in range(2):
            self.watch.interval()

    def _on(self, name: str, look: int) -> bool:
        began, ends = self._spans.get(name, (0, 0))
        return began <= look < ends

    def _turn(self, look: int) -> None:
        for name in self._spans:
            if self._on(name, look) != self._on(name, look - 1):
                self._change(name, on=self._on(name, look))

    def _change(self, name: str, *, on: bool) -> None:
        self._now[name] = on
        if name == "dns":
            (self.resolvers.apply if on else self.resolvers.end)(self.sandbox, self.gone)
        else:
            (self.provider.apply if on else self.provider.end)(self.sandbox)
        hurried(
            self._patch,
            silent=self._now["dns"] and "silent" in self.resolvers.how.values(),
            hanging=self._now["gsb"] and self.provider.how == "hang",
        )

    def _is_told(self, look: int) -> None:
        """A check that cannot see says so."""
        for source, broken in ((Source.DNS, self.resolvers.blind), (Source.GSB, self.provider.blind)):
            blind = self.watch.last_action(source) == "blind"
            assert blind or not (broken and self._on(source.value, look))
            assert ("checker_blind", source.value) in incidents() or not blind

    def roles(self) -> dict[str, str]:
        """Where each domain must be in the end: where it was, but for a truly bad one and who takes its place."""
        expected = dict.fromkeys(self.watch.active, "active") | dict.fromkeys(self.watch.spares, "backup")
        found = self.watch.roles()
        for names in self.watch.lines.values():
            if names[0] in self.bad and found[names[0]] == "blocked":
                expected |= {names[0]: "blocked", names[1]: "active"}
        return expected

    def left(self) -> set[str]:
        """Truly bad domains that are in use, and about which nobody is told."""
        told = incidents()
        lines = {names[0]: line for line, names in self.watch.lines.items()}
        return {
            name for name in self.bad
            if self.watch.roles()[name] == "active" and not {("held", "all"), ("held", lines[name])} & told
        }  # fmt: skip


@pytest.mark.search
@pytest.mark.parametrize("part", range(PARTS))
def test_n4_p4_no_outage_of_resolvers_or_reputation_makes_a_fine_domain_leave(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    for random in _chances(part, examples(1000, gate=12)):
        with monkeypatch.context() as patch, begin(lines(random)) as watch:
            paced(patch)
            outage = Outage(watch, patch, random)
            outage.pass_by()
            assert watch.roles() == outage.roles()
            assert held() <= incidents()
            assert outage.left() == set()
            assert not {("checker_blind", "gsb"), ("checker_blind", "dns")} & incidents()


@pytest.mark.search
@pytest.mark.parametrize("part", range(PARTS))
def test_a_domain_that_is_listed_or_gone_is_left_within_its_confirmation(begin: Begin, part: int) -> None:
    for random in _chances(part, examples(1000, gate=6)):
        with begin(lines(random)) as watch:
            watch.interval()
            _one_resolver_is_down(watch.sandbox, random)
            most = max(size for size in range(len(watch.active)) if not weather.wide(size, len(watch.active)))
            bad = random.sample(watch.active, random.randint(1, most))
            listed = {name for name in bad if random.random() < 0.5}
            for name in bad:
                watch.sandbox.host(name, **({"listed": weather.PHISHING} if name in listed else {"dns": "nx"}))
            _is_left(watch, listed, set(bad))


def _is_left(watch: Watch, listed: set[str], bad: set[str]) -> None:
    """What is listed after the second answer, what does not resolve after the second round and one more answer."""
    expected = watch.roles() | _left(watch, listed)
    watch.sweep()
    watch.go_on(31)
    assert watch.roles() == expected
    for _ in range(3):
        watch.go_on(31)
    assert watch.roles() == expected | _left(watch, bad)
    assert not held()


def _chances(part: int, whole: int) -> Iterator[Random]:
    """The dice of each simulation of a part; the gate throws the same each time. What fails is told with its seed."""
    first = int.from_bytes(urandom(4)) if WHOLE else 0
    for seed in range(first, first + whole // PARTS):
        try:
            yield Random(seed)
        finally:
            print(f"part {part}, seed {seed}")


def _one_resolver_is_down(sandbox: Sandbox, random: Random) -> None:
    how = random.choice(("", "nx", "servfail", "refused", "empty", "ok", "sink"))
    sandbox.host("*", dns=f"{random.choice(weather.RESOLVERS)}={how}" if how else None)


def _left(watch: Watch, bad: set[str]) -> dict[str, str]:
    """The roles of these and of those that take their places."""
    mine = [names for names in watch.lines.values() if names[0] in bad]
    return {names[0]: "blocked" for names in mine} | {names[1]: "active" for names in mine}
