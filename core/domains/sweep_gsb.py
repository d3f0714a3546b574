"""The sweep of reputation: every active domain, an address that people click, and the pages behind the pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.domains import reputation, sweeps
from core.domains.hosts import host_of, replace_host
from core.domains.reputation import Findings
from core.domains.sweeps import Swept
from integrations.safe_browsing.port import State
from integrations.safe_browsing.port import Verdict as Said
from models import cycles, evidence
from models import sweeps as rows
from models.answers import Finding
from models.domain_states import Reason, Source, Verdict
from models.sweeps import Page, Target

_VERDICTS = {State.SAFE: Verdict.SAFE, State.UNSAFE: Verdict.UNSAFE, State.UNKNOWN: Verdict.UNKNOWN}
_GRAVEST = (State.UNSAFE, State.UNKNOWN, State.SAFE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the provider said, and about whom; nothing of it is stored yet."""

    active: Sequence[Target]
    addresses: Mapping[int, Sequence[str]]
    pages: Sequence[Page]
    found: Findings
    cycle_id: int


@dataclass(frozen=True, slots=True)
class Landing:
    """A listed page, the pipelines that lead there, and what it is suspected of."""

    url: str
    pipelines: tuple[str, ...]
    said: Said


@dataclass(frozen=True, slots=True)
class Reputations:
    """What the sweep came to; `undecided` are pages about which nobody could tell, `reason` why it was blind."""

    swept: Swept
    listed: tuple[Landing, ...] = ()
    undecided: tuple[str, ...] = ()
    reason: str = ""
    provider: str = ""


def look() -> Seen | None:
    """Ask about everything in as few requests as the provider allows; None without any active domain.

    Hold no transaction.
    """
    active = rows.targets()
    if not active:
        return None
    cycle_id, clicks, pages = cycles.begin(Source.GSB), rows.click_urls(), rows.pages()
    addresses = {target.domain_id: _addresses(target, clicks) for target in active}
    urls = dict.fromkeys([url for each in addresses.values() for url in each] + [page.url for page in pages])
    return Seen(active, addresses, pages, reputation.look_up(urls), cycle_id)


def _addresses(target: Target, clicks: Mapping[int, str]) -> list[str]:
    """The bare host, and the click address of a campaign as it is with this domain."""
    url = clicks.get(target.pipeline_id, "")
    host = host_of(url)
    return [target.domain, replace_host(url, host, target.domain)] if host else [target.domain]


def settle(seen: Seen | None) -> Reputations:
    """Store it in the caller's transaction; what is to follow."""
    if seen is None:
        return Reputations(Swept(source=Source.GSB))
    findings = [_finding(seen, target) for target in seen.active]
    listed = [page for page in seen.pages if page.url in seen.found.unsafe]
    evidence.write_once(_answer(seen, page.domain_id, page.url) for page in listed)
    swept = sweeps.settle(
        Source.GSB, Reason.GSB_UNSAFE, seen.active, findings, cycle_id=seen.cycle_id, canary_ok=seen.found.canary_ok
    )
    verdicts = seen.found.verdicts
    unknown = tuple({page.url: None for page in seen.pages if verdicts[page.url].state is State.UNKNOWN})
    return Reputations(swept, _landings(listed, verdicts), unknown, seen.found.reason, findings[0].provider)


def _finding(seen: Seen, target: Target) -> Finding:
    """The gravest of what was said about the addresses of a domain, the host's first."""
    said = seen.found.verdicts
    gravest = min(seen.addresses[target.domain_id], key=lambda url: _GRAVEST.index(said[url].state))
    return _answer(seen, target.domain_id, gravest)


def _answer(seen: Seen, domain_id: int, url: str) -> Finding:
    said = seen.found.verdicts[url]
    detail = {"threats": list(said.threats)} if said.threats else {"reason": said.reason} if said.reason else {}
    return Finding(
        domain_id, Source.GSB, _VERDICTS[said.state], url, said.provider, said.live, seen.found.canary_ok, detail,
        said.observed_at, said.expires_at, seen.cycle_id,
    )  # fmt: skip


def _landings(listed: Sequence[Page], verdicts: Mapping[str, Said]) -> tuple[Landing, ...]:
    lines: dict[str, list[str]] = {}
    for page in listed:
        lines.setdefault(page.url, []).append(page.pipeline)
    return tuple(Landing(url, tuple(names), verdicts[url]) for url, names in lines.items())
