"""What `signalbox doctor` looks at in the area of tracking domains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.doctor_finding import Finding, bad, ok, warn
from config.clock import now
from config.services import why_missing
from config.settings import Settings

if TYPE_CHECKING:
    from core.domains.spares import Stock

AREA = "domains"
_CHOICE = "set it to webrisk (commercial) or safebrowsing-v5 (non-commercial)"
_SWITCH_ON = "SAFE_BROWSING_ENABLED=true"
_MICROS = 1_000_000


def domains(settings: Settings) -> Iterator[Finding]:
    """Everything; nothing at all where there are no pipelines."""
    from core.domains import spares

    stocks = [stock for stock in spares.overview() if stock.line.pipeline.enabled]
    if not stocks:
        return
    yield from _provider(settings, stocks)
    yield from _resolvers(settings)
    yield from _spares(stocks)
    yield from _unread()


def _provider(settings: Settings, stocks: list[Stock]) -> Iterator[Finding]:
    if settings.safe_browsing_provider is None:
        why = why_missing(settings, "safe_browsing", "SAFE_BROWSING_PROVIDER is not set")
        yield bad(AREA, f"{why}, so no listing is noticed", _CHOICE if settings.safe_browsing_enabled else _SWITCH_ON)
    elif settings.safe_browsing_provider == "webrisk":
        yield _cost(settings, stocks)


def _cost(settings: Settings, stocks: list[Stock]) -> Finding:
    """Each domain at work is asked about once per interval; one request holds one address."""
    from integrations.safe_browsing import web_risk

    domains = sum(len(stock.spares) + (stock.line.active is not None) for stock in stocks)
    interval = settings.check_active_links_interval
    asked = web_risk.monthly_look_ups(domains, interval)
    dollars = web_risk.monthly_cost_micros(asked) / _MICROS
    what = f"Web Risk: {domains} domains every {interval} s, {asked:,} look-ups a month, about ${dollars:,.0f}"
    if not dollars:
        return ok(AREA, what)
    return warn(AREA, what, "a longer CHECK_ACTIVE_LINKS_INTERVAL costs less and notices later")


def _resolvers(settings: Settings) -> Iterator[Finding]:
    from integrations import dns

    voices = len(dns.upstreams(settings))
    if voices < 2:
        what = f"DNS_UPSTREAMS has {voices} voice(s): no domain is ever found not to resolve"
        yield warn(AREA, what, "name at least two resolvers, such as system,1.1.1.1,8.8.8.8")


def _spares(stocks: list[Stock]) -> Iterator[Finding]:
    for stock in stocks:
        name, usable = stock.line.pipeline.name, len(stock.line.spares)
        if stock.line.active is None:
            yield bad(
                AREA, f"pipeline {name} has no active domain", f"signalbox pipelines add {name} --update --domain D"
            )
        elif not usable:
            remedy = f"signalbox pipelines add {name} --update --domain D, or signalbox pipelines import FILE"
            yield bad(AREA, f"pipeline {name} has no spare domain", remedy)
    if all(stock.line.active and stock.line.spares for stock in stocks):
        yield ok(AREA, f"{len(stocks)} pipeline(s), each with an active domain and a spare")


def _unread() -> Iterator[Finding]:
    from models import observations, spares

    for platform, count in spares.unread(now() - observations.UNREAD).items():
        what = f"{count} field(s) at {platform} were not read for 30 minutes"
        yield warn(AREA, what, "signalbox run check_platform_domains, and signalbox doctor --live")


def domains_live(settings: Settings) -> Iterator[Finding]:
    """Whether those that judge domains answer, and truly; nothing at all where there are no pipelines."""
    from models import pipelines

    if not any(line.pipeline.enabled for line in pipelines.all_lines()):
        return
    if settings.safe_browsing_provider is not None:
        yield _reputation(settings.safe_browsing_provider)
    yield from _resolving(settings)


def _reputation(provider: str) -> Finding:
    from core.domains import reputation

    found = reputation.confirm([])
    if found.canary_ok:
        return ok(AREA, f"{provider}: one address is listed and one is not, as they must be")
    remedy = "check SAFE_BROWSING_KEY, and CANARY_LISTED_URL and CANARY_CLEAN_URL"
    return bad(AREA, f"{provider} is blind, no listing is noticed: {found.reason.replace('_', ' ')}", remedy)


def _resolving(settings: Settings) -> Iterator[Finding]:
    from core.domains import dns_round

    found = dns_round.ask([], settings)
    for voice, problem in found.canary.failures.items():
        yield warn(AREA, f"the resolver {voice} has no voice: {problem}", "see DNS_UPSTREAMS and CANARY_NAMES")
    voices = len(found.canary.trusted)
    if found.canary.ok:
        yield ok(AREA, f"{voices} of {found.voices} resolvers answer truly")
    else:
        yield bad(
            AREA, f"{voices} of {found.voices} resolvers answer truly: DNS is blind", "name others in DNS_UPSTREAMS"
        )
