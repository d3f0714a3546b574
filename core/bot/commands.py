"""Commands as people type them: the verb, its words, who may use it, and what each one does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from core.bot.people import Role

MOST_WORDS = 20
_COMMAND = re.compile(r"/([a-z]{1,20})(?:@\w{1,64})?(?=\s|\Z)(.*)", re.IGNORECASE | re.DOTALL)
_LASTS = re.compile(r"(\d{1,4})([mhd])\Z", re.IGNORECASE)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: how it is written, what it does, who may use it; `acts` changes something, `asks` first."""

    usage: str
    what: str
    role: Role = Role.VIEWER
    acts: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody typed."""

    verb: str
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words as one."""
        return " ".join(self.words)

    def __str__(self) -> str:
        return " ".join((f"/{self.verb}", *self.words))


VERBS: dict[str, Verb] = {
    "status": Verb("/status", "how things are"),
    "pipelines": Verb("/pipelines [name]", "all, or one"),
    "domain": Verb("/domain x", "roles and verdicts"),
    "switch": Verb("/switch pipe [to]", "to the next spare", Role.OPERATOR, acts=True, asks=True),
    "hold": Verb("/hold [pipe] [2h]", "no automatic switch", Role.OPERATOR, acts=True),
    "release": Verb("/release [pipe]", "switch again", Role.OPERATOR, acts=True, asks=True),
    "ack": Verb("/ack [id]", "I look after it", Role.OPERATOR, acts=True),
    "mute": Verb("/mute kind 2h", "warnings of a kind", Role.OPERATOR, acts=True),
    "queues": Verb("/queues", "what waits"),
    "dead": Verb("/dead", "what was given up"),
    "run": Verb("/run task [k=v]", "start a task", Role.ADMIN, acts=True, asks=True),
    "clicks": Verb("/clicks today", "clicks of the day"),
    "digest": Verb("/digest now", "the daily message"),
    "whoami": Verb("/whoami", "who you are here"),
    "help": Verb("/help", "this list"),
    "link": Verb("/link CODE", "let me know you"),
}


def parse(text: str) -> Command | None:
    """The command that a message is; None for any other message."""
    found = _COMMAND.match(text.strip())
    if found is None:
        return None
    verb = found[1].lower()
    return Command("help" if verb == "start" else verb, tuple(found[2].split()[:MOST_WORDS]))


def duration(word: str) -> timedelta | None:
    """How long 30m, 2h or 3d is; None for any other word."""
    found = _LASTS.match(word)
    return int(found[1]) * _UNITS[found[2].lower()] if found and int(found[1]) else None


def lasting(words: tuple[str, ...]) -> tuple[tuple[str, ...], timedelta | None]:
    """The words before a duration at their end, and that duration."""
    found = duration(words[-1]) if words else None
    return (words[:-1], found) if found else (words, None)
