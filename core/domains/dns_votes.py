"""What the answers of several resolvers mean together, and whether the resolvers can be believed at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from integrations.dns_answers import NEGATIVE, Answer, Status

QUORUM = 2


class Resolution(StrEnum):
    """The result of a vote; only `not_resolvable` speaks against a name."""

    RESOLVABLE = "resolvable"
    NOT_RESOLVABLE = "not_resolvable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Vote:
    """The result with its grounds: upstreams by what they said, and the addresses and aliases of those that agree."""

    resolution: Resolution
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    sinkholed: tuple[str, ...] = ()
    abstained: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    servfail_everywhere: bool = False

    @property
    def differing(self) -> bool:
        """Some resolvers know the name and others deny it."""
        return bool(self.positive and self.negative)


@dataclass(frozen=True, slots=True)
class Canary:
    """`ok` is False when a whole round must count as unknown; `failures` is what each distrusted upstream did."""

    ok: bool
    trusted: frozenset[str]
    failures: Mapping[str, str]


def decide(answers: Mapping[str, Answer], *, own: Answer | None = None, trusted: Collection[str] | None = None) -> Vote:
    """The vote on one name by upstream; `own` is what the name servers of its zone say.

    A name is not resolvable when at least two resolvers deny it and none, nor its own zone, knows it. A resolver
    outside `trusted` (None: all are) can prevent that, but neither deny a name nor prove it.
    """
    believed = {name: answer for name, answer in answers.items() if trusted is None or name in trusted}
    known = _who(answers, Status.OK)
    proven = [answer for answer in (*believed.values(), own) if answer is not None and answer.status is Status.OK]
    negative = _who(believed, *NEGATIVE)
    return Vote(
        resolution=_resolution(proven=bool(proven), known=bool(known), negatives=len(negative)),
        positive=known,
        negative=negative,
        sinkholed=_who(answers, Status.SINKHOLED),
        abstained=tuple(name for name in answers if name not in {*known, *negative}),
        addresses=tuple(dict.fromkeys(address for answer in proven for address in answer.addresses)),
        chain=next((answer.chain for answer in proven if answer.chain), ()),
        servfail_everywhere=bool(answers) and all(answer.status is Status.SERVFAIL for answer in answers.values()),
    )


def _resolution(*, proven: bool, known: bool, negatives: int) -> Resolution:
    if proven:
        return Resolution.RESOLVABLE
    return Resolution.NOT_RESOLVABLE if negatives >= QUORUM and not known else Resolution.UNKNOWN


def _who(answers: Mapping[str, Answer], *statuses: Status) -> tuple[str, ...]:
    return tuple(name for name, answer in answers.items() if answer.status in statuses)


def canary(known: Collection[str], absent: str, answers: Mapping[str, Mapping[str, Answer]]) -> Canary:
    """Which upstreams know every known name and deny the absent one; `answers` is by name, then upstream.

    One upstream that is down or lies costs its voice. With fewer than two voices left (one, if only one is
    configured) nobody can be outvoted any more and the canary fails.
    """
    voices = list(answers.get(absent, {}))
    failures = {voice: problem for voice in voices if (problem := _problem(voice, known, absent, answers))}
    trusted = frozenset(voices) - failures.keys()
    return Canary(len(trusted) >= max(1, min(QUORUM, len(voices))), trusted, failures)


def _problem(
    voice: str, known: Collection[str], absent: str, answers: Mapping[str, Mapping[str, Answer]]
) -> str | None:
    expected = {**dict.fromkeys(known, Status.OK), absent: Status.NXDOMAIN}
    for name, status in expected.items():
        answer = answers.get(name, {}).get(voice)
        if answer is None or answer.status is not status:
            return f"{name}: {answer.status if answer else 'not asked'} instead of {status}"
    return None


def misses(vote: Vote, expected: str | None) -> bool:
    """Whether a resolvable name leads elsewhere than to the expected alias or address."""
    if not expected or vote.resolution is not Resolution.RESOLVABLE:
        return False
    return expected.rstrip(".").lower() not in {*vote.chain, *vote.addresses}
