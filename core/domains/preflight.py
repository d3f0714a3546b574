"""A last look at the spares right before a switch, so that nobody is moved to a domain that is just as bad."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from config.settings import get_settings
from core.domains import confirming, dns_round, reputation
from core.domains.dns_round import Round
from core.domains.reputation import Findings
from models import conflicts, evidence
from models.answers import Finding
from models.domain_states import Role
from models.pipelines import Line, Place

SECONDS = 1.0
"""For everything together: whoever is being moved is losing traffic meanwhile."""
MOST = 5


def prove(line: Line, *, only: str | None = None) -> None:
    """Look at the first spares of a pipeline live, or at one alone, and keep what was found; the gates choose by it.

    One that is bad is passed over, one about which nobody could tell in time is taken as unverified. Certificates
    and registrations are not looked at again: what is stored of them counts. Hold no transaction.
    """
    spares = [place for place in line.of(Role.BACKUP) if place.name == only] if only else line.spares[:MOST]
    if not spares:
        return
    found = _answers(spares)
    conflicts.transaction(lambda: evidence.store(found))


def _answers(spares: Sequence[Place]) -> list[Finding]:
    """Resolvers and reputation are asked side by side, about all spares at once."""
    names, settings = [place.name for place in spares], get_settings()
    with ThreadPoolExecutor(1, "preflight") as pool:
        asked = pool.submit(dns_round.ask, names, settings, seconds=SECONDS)
        said = reputation.confirm(names, seconds=SECONDS)
        votes = asked.result()
    return [finding for place in spares for finding in _of(place, said, votes)]


def _of(place: Place, said: Findings, votes: Round) -> tuple[Finding, Finding]:
    number, name = place.domain_id, place.name
    return (
        confirming.of_reputation(number, name, said.verdicts[name], said),
        confirming.of_vote(number, name, votes.votes[name], canary_ok=votes.canary.ok),
    )
