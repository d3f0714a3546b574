"""The second answer: looks at a suspected domain live, with the canaries, right before anything is done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from config.clock import now
from config.settings import get_settings
from core.domains import dns_round, reputation
from core.domains.brake_facts import Answer
from core.domains.brakes import MAX_AGE
from core.domains.dns_votes import Resolution, Vote
from core.domains.reputation import Findings
from integrations.safe_browsing import port
from integrations.tls import INVALID, Tls, TlsState
from models import evidence, pipeline_writes
from models.answers import Finding
from models.domain_states import Source, Verdict
from models.domains import DomainEvidence

SECONDS = 8.0
"""How long a reputation provider may take, so that the whole task stays within its limit."""
_WORDS = {port.State.SAFE: Verdict.SAFE, port.State.UNSAFE: Verdict.UNSAFE, port.State.UNKNOWN: Verdict.UNKNOWN}
_VOTES = {Resolution.RESOLVABLE: Verdict.SAFE, Resolution.NOT_RESOLVABLE: Verdict.UNSAFE}


@dataclass(frozen=True, slots=True)
class Target:
    """What is looked at: an active domain of a pipeline, and the address that was suspected first."""

    pipeline_id: int
    domain_id: int
    domain: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a live look has found; `pages` are listings of pages behind the pipeline, which are not the domain's.

    `clean` says that every page behind the pipeline is proven clean.
    """

    finding: Finding
    pages: tuple[Finding, ...] = ()
    clean: bool = False

    @property
    def listed(self) -> bool:
        """Whether a page behind the pipeline is listed."""
        return bool(self.pages)

    @property
    def verdict(self) -> Verdict:
        """What it comes to for the domain."""
        return self.finding.verdict

    @property
    def answer(self) -> Answer:
        """The answer as the brakes see it."""
        return answer_of(self.finding)


def first(evidence_id: int | None) -> DomainEvidence | None:
    """The stored answer that a message names; None if there is none, or none any more."""
    found: DomainEvidence | None = DomainEvidence.get_or_none(DomainEvidence.id == evidence_id) if evidence_id else None
    return found


def answer_of(found: Finding | DomainEvidence) -> Answer:
    """An answer as the brakes see it."""
    return Answer(
        domain_id=found.domain_id, source=Source(found.source), verdict=Verdict(found.verdict),
        observed_at=found.observed_at, canary_ok=found.canary_ok, live=found.live,
    )  # fmt: skip


def look(target: Target, source: Source) -> Look:
    """Ask this source about a domain, here and now; an outage is an unknown verdict. Hold no transaction."""
    return _LOOKS[source](target)


def keep(seen: Look, *, suspected: bool) -> int | None:
    """Store what a look has found, in the caller's transaction; the row of the domain's answer, if it has one.

    Where a domain is suspected already and nobody can tell, it stays suspected, but no more than that.
    """
    finding = seen.finding
    if suspected and finding.verdict is Verdict.UNKNOWN:
        finding = replace(finding, verdict=Verdict.SUSPECT)
    evidence.write_once(seen.pages)
    return evidence.store([finding])[0].evidence_id


def _reputation(target: Target) -> Look:
    """Host and click address speak for the domain; pages behind the pipeline are another cause."""
    pages = [url for _, url, _ in pipeline_writes.destinations([target.pipeline_id])]
    own = [target.domain, *({target.subject} - {"", target.domain, *pages})]
    found = reputation.confirm([*own, *pages], seconds=SECONDS)
    listings = tuple(_listing(target, url, found) for url in pages if url in found.unsafe)
    clean = bool(pages) and all(found.verdicts[url].state is port.State.SAFE for url in pages)
    return Look(_worst(target, own, found), listings, clean)


def _worst(target: Target, urls: Sequence[str], found: Findings) -> Finding:
    """Listed if any address is, clean only if all are."""
    order = (port.State.UNSAFE, port.State.UNKNOWN, port.State.SAFE)
    worst = min(urls, key=lambda url: order.index(found.verdicts[url].state))
    return _listing(target, worst, found)


def _listing(target: Target, url: str, found: Findings) -> Finding:
    return of_reputation(target.domain_id, url, found.verdicts[url], found)


def of_reputation(domain_id: int, subject: str, said: port.Verdict, found: Findings) -> Finding:
    """What a provider said about an address, as an answer about a domain."""
    detail = {"threats": list(said.threats)} if said.threats else {"reason": said.reason} if said.reason else {}
    return Finding(
        domain_id, Source.GSB, _WORDS[said.state], subject, said.provider, said.live, found.canary_ok, detail,
        said.observed_at, said.expires_at,
    )  # fmt: skip


def _dns(target: Target) -> Look:
    asked = dns_round.ask([target.domain], get_settings(), own_servers=True)
    return Look(of_vote(target.domain_id, target.domain, asked.votes[target.domain], canary_ok=asked.canary.ok))


def of_vote(domain_id: int, domain: str, vote: Vote, *, canary_ok: bool) -> Finding:
    """A vote of resolvers that is not the first one, as an answer about a domain."""
    verdict = _VOTES.get(vote.resolution, Verdict.UNKNOWN)
    return _own(domain_id, Source.DNS, verdict, domain, "resolvers", canary_ok, {"denied_by": list(vote.negative)})


def _tls(target: Target) -> Look:
    """A certificate that is refused counts; one that merely ends soon does not, nor a host that shows none."""
    asked = dns_round.ask([target.domain], get_settings())
    shown = Tls.from_settings(get_settings()).inspect(target.domain, asked.votes[target.domain].addresses)
    verdict = Verdict.SAFE if shown.state is TlsState.VALID else Verdict.UNKNOWN
    if shown.state in INVALID:
        verdict = Verdict.UNSAFE
    detail = {"state": shown.state.value}
    return Look(_own(target.domain_id, Source.TLS, verdict, target.domain, "host", asked.canary.ok, detail))


def _own(
    domain_id: int,
    source: Source,
    verdict: Verdict,
    subject: str,
    by: str,
    canary_ok: bool,
    detail: Mapping[str, object],
) -> Finding:
    at = now()
    return Finding(domain_id, source, verdict, subject, by, True, canary_ok, detail, at, at + MAX_AGE[source])


_LOOKS: dict[Source, Callable[[Target], Look]] = {
    Source.GSB: _reputation, Source.GSC: _reputation, Source.DNS: _dns, Source.TLS: _tls,
}  # fmt: skip
