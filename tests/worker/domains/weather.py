"""What may go wrong with resolvers and with the reputation provider, and what a check must make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from config.settings import get_settings
from core.domains.brake_facts import Limits
from core.domains.brakes import too_wide
from sandbox.server import Sandbox

RESOLVERS = (1, 2, 3)
CANARIES = ("canary-ok.sandbox.test", "canary-two.sandbox.test")
LISTED, CLEAN = "malware.canary.sandbox.test", "clean.canary.sandbox.test"
PHISHING = ["SOCIAL_ENGINEERING"]
MOODS = {
    "nx": "nx", "servfail": "servfail", "refused": "refused", "silent": "silent", "empty": "empty", "sink": "sink",
    "hijacked": "ok",
}  # fmt: skip
"""How a resolver treats every name; each of them costs it its voice."""
BROKEN = (*MOODS, "canary")
ANSWERS: dict[str, dict[str, Any]] = {
    "500": {"type": "status", "status": 500},
    "502": {"type": "status", "status": 502, "body": "bad gateway"},
    "503": {"type": "status", "status": 503},
    "429": {"type": "retry_after", "seconds": 60},
    "hang": {"type": "hang"},
    "garbage": {"type": "garbage"},
    "html": {"type": "html"},
    "empty": {"type": "empty"},
    "wrong type": {"type": "wrong_type"},
    "drop": {"type": "drop"},
    "reset": {"type": "reset"},
}
"""Answers of a provider that say nothing usable."""
SETTINGS: dict[str, dict[str, Any]] = {
    "all unsafe": {"unsafe_percent": 100},
    "key refused": {"key": "another"},
    "disabled": {"disabled": True},
    "no quota": {"quota": 0},
    "cut": {"spoil": "cut"},
    "unknown threat": {"spoil": "unknown_enum"},
}
BLINDING = (*ANSWERS, *SETTINGS, "listed canary is clean", "clean canary is listed")
SEEING = ("now and then", "half of the batch")


@dataclass(slots=True)
class Resolvers:
    """How each resolver errs: a mood for every name, or lies about some; `lies` is behaviour by name and resolver."""

    how: dict[int, str] = field(default_factory=dict)
    lies: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def blind(self) -> bool:
        """Whether fewer than two resolvers can be believed."""
        return sum(how in BROKEN for how in self.how.values()) > 1

    def apply(self, sandbox: Sandbox, gone: Collection[str]) -> None:
        """Let the resolvers err; `gone` are names that truly do not exist, whatever is said about them."""
        moods = {at: MOODS[how] for at, how in self.how.items() if how in MOODS}
        sandbox.host("*", dns=_facts(moods))
        wrong = {at: "nx" for at, how in self.how.items() if how == "canary"}
        sandbox.host(CANARIES[0], dns=_facts(wrong))
        for name, lies in self.lies.items():
            sandbox.host(name, dns=_facts(lies))
        for name in gone:
            sandbox.host(name, dns=_facts(dict.fromkeys((0, *RESOLVERS), "nx") | moods))

    def end(self, sandbox: Sandbox, gone: Collection[str]) -> None:
        """Let them tell the truth."""
        for name in ("*", CANARIES[0], *self.lies):
            sandbox.host(name, dns=None)
        for name in gone:
            sandbox.host(name, dns="nx")


def _facts(each: Mapping[int, str]) -> str | None:
    return ",".join(f"{at}={word}" for at, word in each.items()) or None


def resolvers(random: Random, names: Collection[str]) -> Resolvers:
    """One to three resolvers that err, each in its own way; the zone's own server does not."""
    made = Resolvers()
    for at in random.sample(RESOLVERS, random.choice((1, 1, 2, 2, 3))):
        made.how[at] = random.choice((*BROKEN, "truncated", "lies", "lies", "lies"))
        share = random.choice((0.1, 0.4, 1.0)) if made.how[at] == "lies" else 1.0
        words = _WORDS.get(made.how[at], ())
        for name in names if words else ():
            if random.random() < share:
                made.lies[name][at] = random.choice(words)
    return made


_WORDS = {"lies": ("nx", "nx", "empty", "sink", "servfail"), "truncated": ("trunc",)}


@dataclass(frozen=True, slots=True)
class Provider:
    """How the provider errs; `falsely` are the domains that it lists without a reason while its canaries sing."""

    how: str
    falsely: tuple[str, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether nothing that it says can be believed."""
        return self.how in BLINDING

    def apply(self, sandbox: Sandbox) -> None:
        if self.how in ANSWERS:
            sandbox.fault("gsb", ANSWERS[self.how])
        elif self.how in SETTINGS:
            sandbox.edit("gsb", "settings", **SETTINGS[self.how])
        elif self.how == "now and then":
            sandbox.fault("gsb", {"type": "status", "status": 503}, probability=0.5)
        elif self.how in _OTHERS:
            _OTHERS[self.how](sandbox)
        for name in self.falsely:
            sandbox.host(name, listed=PHISHING)

    def end(self, sandbox: Sandbox) -> None:
        sandbox.control("DELETE", "faults")
        usual: dict[str, Any] = {"unsafe_percent": 0, "key": None, "disabled": False, "quota": None, "spoil": ""}
        sandbox.edit("gsb", "settings", **usual)
        for name in (LISTED, CLEAN, *self.falsely):
            sandbox.host(name, listed=None)


_OTHERS: dict[str, Callable[[Sandbox], object]] = {
    "listed canary is clean": lambda sandbox: sandbox.host(LISTED, listed=[]),
    "clean canary is listed": lambda sandbox: sandbox.host(CLEAN, listed=PHISHING),
}


def provider(random: Random, active: Collection[str], spares: Collection[str], bad: Collection[str]) -> Provider:
    """A provider that errs; if it lists falsely, then too much at once to be believed."""
    how = random.choice((*BLINDING, *SEEING, "half of the batch"))
    if how != "half of the batch":
        return Provider(how)
    fine = [name for name in active if name not in bad]
    least = next((size for size in range(len(fine)) if wide(size, len(active))), len(fine))
    chosen = random.sample(fine, max(least, len(fine) // 2))
    some = [name for name in spares if name not in bad]
    most = next((max(size, len(some) // 2) for size in range(len(some) + 1) if wide(size, len(spares))), 0)
    return Provider(how, (*chosen, *random.sample(some, most)))


def wide(bad: int, among: int) -> bool:
    """Whether so many at once cannot be believed."""
    settings = get_settings()
    return too_wide(
        bad, among, Limits(blast_percent=settings.blast_radius_percent, blast_min=settings.blast_radius_min)
    )
