"""One round of DNS questions about many names: the canary, the resolvers, and their votes."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from config.settings import Settings
from core.domains import dns_votes
from core.domains.dns_votes import Canary, Resolution, Vote
from integrations import dns, dns_zone
from integrations.routes import Routes


@dataclass(frozen=True, slots=True)
class Round:
    """The vote of each name; all are unknown when the canary failed. `voices` is how many resolvers were asked."""

    votes: dict[str, Vote]
    canary: Canary
    voices: int


def ask(
    names: Iterable[str], settings: Settings, *, own_servers: bool = False, absent: str | None = None,
    seconds: float | None = None,
) -> Round:  # fmt: skip
    """Ask every resolver about every name, and with `own_servers` the zones of names that were denied.

    `seconds` is how long resolvers may take; `absent` is the name that must not exist; a random one unless given.
    Talks to the network: hold no transaction.
    """
    wanted = list(dict.fromkeys(names))
    known = [name.strip() for name in settings.canary_names.split(",") if name.strip()]
    absent = absent or f"{secrets.token_hex(8)}.invalid"
    voices = dns.upstreams(settings)
    answers = dns.lookup([*wanted, *known, absent], voices, sinkholes=settings.dns_sinkholes, seconds=seconds)
    canary = dns_votes.canary(known, absent, answers)
    votes = {name: dns_votes.decide(answers[name], trusted=canary.trusted) for name in wanted}
    if not canary.ok:
        votes = {name: replace(vote, resolution=Resolution.UNKNOWN) for name, vote in votes.items()}
    denied = [name for name, vote in votes.items() if vote.resolution is Resolution.NOT_RESOLVABLE]
    if own_servers and denied:
        own = dns_zone.lookup_own(
            denied, voices, routes=Routes.from_settings(settings), sinkholes=settings.dns_sinkholes
        )
        votes |= {name: dns_votes.decide(answers[name], own=own[name], trusted=canary.trusted) for name in denied}
    return Round(votes, canary, len(voices))
