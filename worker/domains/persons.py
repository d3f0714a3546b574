"""What people decide about suspected domains, with all that follows: accepting, ignoring, releasing, moving by hand."""

from __future__ import annotations

from collections.abc import Iterable

from core.domains import block_words, holds, pipelines, proposals
from core.domains.blocking import Call
from core.domains.persons import By
from models.conflicts import transaction
from models.domain_states import Reason
from models.pipeline_writes import Settings
from models.returns import Unsafe
from models.switches import Switched
from worker import alerts
from worker.domains import brake_news, steps
from worker.domains.blocking import again


def switch(
    name: str, by: By, reason: str, *, to: str | None = None, block: bool = False, seq: int | None = None
) -> Switched:
    """Leave the active domain by hand; raises as `core.domains.pipelines.switch`."""

    def work() -> Switched:
        made = pipelines.switch(name, by, reason, to=to, block=block, seq=seq)
        _follow(made)
        return made

    return transaction(work)


def extend(name: str, domains: list[str], by: By, settings: Settings) -> Switched | None:
    """Add spares and change settings; a pipeline without an active domain goes back to work."""

    def work() -> Switched | None:
        made = pipelines.extend(name, domains, by, settings)
        if made:
            steps.follow(made)
        return made

    return transaction(work)


def put_back(name: str, domain: str, reason: str, by: By) -> bool:
    """Make a parked domain a spare again, or the active one where there is none; False if it is at work already."""

    def work() -> bool:
        shifted = pipelines.put_back(name, domain, reason, by, then=steps.follow)
        line = pipelines.get(name)
        alerts.well("parked", f"{pipelines.named_hosts([domain])[0]}/{line.pipeline.name}")
        return shifted

    return transaction(work)


def accept_proposal(proposal_id: int, by: By) -> None:
    """Agree to a switch, which follows once the domain is confirmed anew; raises as `core.domains.proposals.accept`."""

    def work() -> None:
        agreed = proposals.accept(proposal_id, by)
        _ask_again(agreed.domain, agreed.reason, agreed.evidence_id)

    transaction(work)


def _follow(made: Switched) -> None:
    """A domain that was left is nobody's trouble any more, whatever was said about it."""
    steps.follow(made)
    for kind in (brake_news.UNSAFE, brake_news.UNKNOWN):
        alerts.well(kind, *filter(None, [made.source]))


def ignore_proposal(proposal_id: int, by: By) -> None:
    """Let a domain stay for some hours; its incident counts as seen. Raises as `core.domains.proposals.ignore`."""

    def work() -> None:
        standing = brake_news.open_one(brake_news.UNSAFE, proposals.ignore(proposal_id, by).domain)
        if standing:
            alerts.acknowledge(standing.id, by.name)

    transaction(work)


def release(name: str, by: By) -> list[Unsafe]:
    """End the hold of a pipeline, and ask about its domain again if that is still bad; that domain."""
    return transaction(lambda: _released(holds.release(name, by), name.strip()))


def release_all(by: By) -> list[Unsafe]:
    """End the hold of all, and ask about every domain again that is still bad; those domains."""
    return transaction(lambda: _released(holds.release_all(by), block_words.EVERYTHING))


def _released(unsafe: list[Unsafe], key: str) -> list[Unsafe]:
    alerts.well(brake_news.HELD, key)
    ask_again(unsafe)
    return unsafe


def ask_again(unsafe: Iterable[Unsafe]) -> None:
    """Ask anew about domains that are bad by their latest answer, in the caller's transaction."""
    for found in unsafe:
        _ask_again(found.domain, found.reason.value, found.evidence_id)


def _ask_again(domain: str, reason: str, evidence_id: int | None) -> None:
    """Only a signed answer still counts by itself; any other is asked for anew."""
    again(Call(domain, reason, evidence_id if reason == Reason.GSC_UNSAFE else None))
