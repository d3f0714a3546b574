"""The sweeps over active domains: reputation, and after it DNS, whose bad answers are sent on to be acted on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import structlog

from core.domains import sweep_dns, sweep_gsb
from core.domains.sweep_dns import Asked, Next, Resolutions
from core.domains.sweep_gsb import Reputations, Seen
from core.domains.sweeps import HOLD_REASON, Block, Swept
from models.conflicts import transaction
from worker.actor import actor
from worker.domains import check_news, metrics
from worker.domains.blocking import block_active_tracking_domain

log = structlog.get_logger(__name__)


@actor
def check_active_tracking_domains_via_gsb() -> int:
    """Ask the reputation provider about every active domain; what is suspected is ordered to be blocked."""
    with metrics.CHECK_SECONDS.labels("gsb").time():
        seen = sweep_gsb.look()
    return _report(transaction(lambda: _reputation(seen)).swept)


@actor
def check_active_tracking_domains_via_dns(domains: list[str] | None = None, round: int = 1) -> int:
    """Ask all resolvers about active domains; what they deny in every round is ordered to be blocked."""
    with metrics.CHECK_SECONDS.labels("dns").time():
        asked = sweep_dns.ask(domains, round)
    return _report(transaction(lambda: _resolvers(asked)).swept)


def _reputation(seen: Seen | None) -> Reputations:
    """Store what was said with everything that follows from it; DNS is asked next, whatever came of this."""
    found = sweep_gsb.settle(seen)
    check_news.of_reputation(found)
    _order(found.swept.blocks)
    check_active_tracking_domains_via_dns.send_with_options(dedupe_key="dns:next")
    return found


def _resolvers(asked: Asked | None) -> Resolutions:
    found = sweep_dns.settle(asked)
    check_news.of_resolvers(found)
    _order(found.swept.blocks)
    for each in found.nexts:
        _ask_again(each)
    return found


def _order(blocks: Iterable[Block]) -> None:
    for block in blocks:
        block_active_tracking_domain.send(
            domain=block.domain, reason=block.reason.value, evidence_id=block.evidence_id
        )  # fmt: skip


def _ask_again(wanted: Next) -> None:
    """The same names wait once, however many sweeps find them."""
    names = "*" if wanted.domains is None else ",".join(sorted(wanted.domains))
    digest = hashlib.sha256(names.encode()).hexdigest()[:16]
    check_active_tracking_domains_via_dns.send_with_options(
        kwargs={"domains": None if wanted.domains is None else list(wanted.domains), "round": wanted.round},
        delay=wanted.seconds * 1000,
        dedupe_key=f"dns:{wanted.round}:{digest}",
    )


def _report(swept: Swept) -> int:
    """Count and log; how many domains were asked about."""
    metrics.checked(swept.source.value, {verdict.value: number for verdict, number in swept.verdicts.items()})
    if swept.wide is not None:
        metrics.BRAKES.labels(HOLD_REASON).inc()
    log.info(
        "active_domains_checked", check=swept.source.value, asked=swept.asked, blocks=len(swept.blocks),
        held=swept.wide is not None, blind=swept.blind_since is not None,
    )  # fmt: skip
    return swept.asked
