"""Asks every source about domains, a second time where a first answer was bad; what they say, ready to be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from config.clock import now
from config.settings import Settings
from core.domains import looks, pages, registrations, reputation
from core.domains.dns_round import Round
from core.domains.reputation import Findings
from integrations.rdap import Registration
from integrations.safe_browsing.port import Verdict as Listing
from models.answers import Finding
from models.domain_states import Source, Verdict
from models.spares import Known, Watched

REGISTRY_SECONDS = 60.0


def listings(domains: Sequence[Watched], settings: Settings) -> list[Finding]:
    """What the reputation provider says; whoever was listed long enough ago is asked about once more, live.

    So is whose answer would be too old to prove anything by the next sweep, however long it may be kept.
    """
    before, old = (
        now() - timedelta(seconds=age) for age in (settings.confirm_after, settings.check_active_links_interval)
    )
    doubted = {one.domain_id for one in domains if _doubted_since(one, before)}
    live = {one.domain_id: one for one in domains if one.domain_id in doubted or _is_old(one, old)}
    cached = [one for one in domains if one.domain_id not in live]
    heard = _heard(list(live.values()), reputation.confirm) | _heard(cached, reputation.look_up)
    found = [_listing(one, heard, confirmed=one.domain_id in doubted) for one in domains]
    suspected = {said.domain_id for said in found if said.verdict is Verdict.SUSPECT and said.observed_at <= before}
    late = [one for one in domains if one.domain_id in suspected]
    again = _heard(late, reputation.confirm)
    return found + [_listing(one, again, confirmed=True) for one in late]


def _doubted_since(domain: Watched, at: datetime) -> bool:
    """Whether a domain was said to be bad then or before, and so can be confirmed, or cleared, now."""
    return domain.bad(Source.GSB) and (domain.known[Source.GSB].first_bad_at or at) <= at


def _is_old(domain: Watched, at: datetime) -> bool:
    return Source.GSB in domain.known and domain.known[Source.GSB].observed_at <= at


def _heard(domains: Sequence[Watched], ask: Callable[[list[str]], Findings]) -> dict[str, tuple[Listing, bool]]:
    """By name: the verdict, and whether the canaries of its look-up were well."""
    if not domains:
        return {}
    found = ask([one.name for one in domains])
    return {name: (said, found.canary_ok) for name, said in found.verdicts.items()}


def _listing(domain: Watched, heard: Mapping[str, tuple[Listing, bool]], *, confirmed: bool) -> Finding:
    said, canary_ok = heard[domain.name]
    return looks.listing(domain, said, canary_ok=canary_ok, confirmed=confirmed)


def resolutions(domains: Iterable[Watched], asked: Round, settings: Settings) -> list[Finding]:
    """What the resolvers say; a name that they denied before, in as many rounds as it takes, is confirmed as gone."""
    at = now()
    return [
        looks.resolution(
            one, asked.votes[one.name], at, canary_ok=asked.canary.ok,
            confirmed=_denied_before(one.known.get(Source.DNS), at, settings),
        )
        for one in domains
    ]  # fmt: skip


def _denied_before(known: Known | None, at: datetime, settings: Settings) -> bool:
    if known is None or not known.bad or known.first_bad_at is None or known.detail.get("mispointed"):
        return False
    rounds = settings.dns_confirm_rounds - 1
    apart = timedelta(seconds=settings.dns_confirm_after) * rounds
    return known.streak >= rounds and known.first_bad_at <= at - apart


def previews(domains: Sequence[Watched], asked: Round, settings: Settings, *, seconds: float) -> list[Finding]:
    """Certificates and pages at the addresses that the resolvers agree on; two answers for each domain."""
    found = pages.look({one.name: asked.votes[one.name].addresses for one in domains}, settings, seconds=seconds)
    account = pages.in_voluum() if found else None
    at, ok = now(), asked.canary.ok
    answers = []
    for one in domains:
        if preview := found.get(one.name):
            listed = None if account is None else one.name in account
            answers.append(looks.certificate(one, preview, at, canary_ok=ok))
            answers.append(looks.page(one, preview, at, canary_ok=ok, in_voluum=listed))
    return answers


def registered(domains: Sequence[Watched], settings: Settings, *, seconds: float = REGISTRY_SECONDS) -> list[Finding]:
    """What registries say, those first whose answer is the oldest; one question for all names below a domain."""
    never = datetime.min.replace(tzinfo=now().tzinfo)
    oldest = sorted(domains, key=lambda one: one.known[Source.RDAP].observed_at if Source.RDAP in one.known else never)
    found: Mapping[str, Registration] = (
        registrations.look([one.registrable for one in oldest], settings, seconds=seconds) if oldest else {}
    )
    return [looks.registration(one, found[one.registrable], now()) for one in oldest if one.registrable in found]
