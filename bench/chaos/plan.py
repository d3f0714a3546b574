"""What will go wrong and when: made from the seed before the run, saved, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

import orjson


class Do(StrEnum):
    """What is done to a target."""

    KILL9 = "kill9"
    CRASH = "crash"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class Act:
    """At `t` seconds of the load, do this to these targets at once."""

    t: float
    do: Do
    targets: tuple[str, ...]


def kills(seed: int, number: int, seconds: float, targets: Sequence[str], *, together_every: int = 0) -> list[Act]:
    """So many SIGKILLs at random moments, the targets in turn; every nth act kills all of them at once.

    Each kill has its own share of the time, so that none falls together with the next by accident.
    """
    dice = Random(seed)
    groups = _groups(number, targets, together_every)
    share = seconds / len(groups)
    return [Act(round((place + dice.random()) * share, 3), Do.KILL9, group) for place, group in enumerate(groups)]


def _groups(number: int, targets: Sequence[str], together_every: int) -> list[tuple[str, ...]]:
    groups: list[tuple[str, ...]] = []
    left = number
    while left > 0:
        together = together_every and (len(groups) + 1) % together_every == 0 and left >= len(targets)
        group = tuple(targets) if together else (targets[len(groups) % len(targets)],)
        groups.append(group)
        left -= len(group)
    return groups


def crashes(seed: int, number: int, windows: Sequence[str], *, latest: int = 12) -> list[Act]:
    """So many lives, each of which ends at the nth passage of its window; every window gets the same share."""
    dice = Random(seed)
    chosen = [windows[place % len(windows)] for place in range(number)]
    dice.shuffle(chosen)
    return [Act(0.0, Do.CRASH, (f"{window}:{dice.randint(1, latest)}",)) for window in chosen]


def outage(first: float, seconds: float, targets: Sequence[str]) -> list[Act]:
    """Stop the targets one after another, start them again after so many seconds in reverse order."""
    return [Act(first, Do.STOP, tuple(targets)), Act(first + seconds, Do.START, tuple(reversed(targets)))]


def save(path: Path, seed: int, acts: Sequence[Act]) -> None:
    """Write plan.json, before anything is done."""
    document = {"seed": seed, "acts": [asdict(act) for act in acts]}
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def load(path: Path) -> list[Act]:
    """The acts of a saved plan."""
    acts = orjson.loads(path.read_bytes())["acts"]
    return [Act(float(act["t"]), Do(act["do"]), tuple(act["targets"])) for act in acts]
