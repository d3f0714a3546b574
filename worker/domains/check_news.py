"""What operators are told of a sweep: that it was blind, that too much is bad at once, what is odd, what is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from config.clock import now
from config.settings import get_settings
from core import buttons
from core.buttons import Action, Wanted
from core.domains.block_words import EVERYTHING
from core.domains.sweep_dns import Fault, Remark, Resolutions
from core.domains.sweep_gsb import Landing, Reputations
from core.domains.sweeps import Swept, Wide
from core.domains.switch_text import PROVIDERS
from models import incidents
from models.domain_states import Source
from worker.alerts import Severity, settle, tell, tell_all, well
from worker.domains.brake_news import BLIND, HELD, UNKNOWN, UNSAFE, open_one

QUIET = timedelta(hours=1)
"""What goes on is noted once within this time, so that a short interval does not flood the chat with edits."""
LANDING = "landing_listed"
_WORDS = {Source.GSB: "reputation", Source.DNS: "DNS"}
_BLIND = {
    "no_provider": "SAFE_BROWSING_PROVIDER is not set",
    "unauthorized": "the provider refuses the key",
    "rate_limited": "the provider wants fewer questions",
    "listed_canary_is_clean": "an address that is always listed came back clean",
    "clean_canary_is_listed": "an address that is never listed came back listed",
}
_FAULTS = {
    Fault.BROKEN: ("no resolver gets an answer from its zone for 15 minutes", "look at the name servers"),
    Fault.SINKHOLED: ("a resolver answers with a private or sinkhole address", "ask its operator why"),
    Fault.MISPOINTED: ("it leads elsewhere than expected", "correct the record, or what is expected"),
    Fault.DIFFERING: ("some resolvers know it and others deny it", "see whether the record was changed or is filtered"),
}


def of_reputation(found: Reputations) -> None:
    """Tell what a sweep of reputation came to, in the caller's transaction."""
    swept = found.swept
    if not swept.asked:
        return
    provider = PROVIDERS.get(found.provider, found.provider)
    _sight(swept, _BLIND.get(found.reason, f"no usable answer ({found.reason})"))
    if swept.blind_since is not None:
        return
    _tell_seldom(LANDING, {one.url: _landing(one) for one in found.listed}, Severity.CRITICAL)
    settle(LANDING, [one.url for one in found.listed] + list(found.undecided))
    _ends(swept, f"suspected by {provider}; lists can err")


def of_resolvers(found: Resolutions) -> None:
    """Tell what a round of DNS came to, in the caller's transaction."""
    swept = found.swept
    if not swept.asked:
        return
    _sight(swept, "; ".join(found.failures[:3]) or "no resolver is configured")
    if swept.blind_since is None:
        for fault in Fault:
            _odd(fault, [one for one in found.remarks if one.fault is fault], found)
        _ends(swept, "suspected not to resolve; resolvers can err")


def _sight(swept: Swept, why: str) -> None:
    """Whether the check saw anything; what it is blind for is told once, with since when."""
    key, word = swept.source.value, _WORDS[swept.source]
    if swept.blind_since is None:
        well(BLIND, key)
        return
    words = {
        "object": word,
        "happened": f"{word} blind since {_clock(swept.blind_since)}: {why}",
        "done": "every answer counts as unknown, nobody is blocked because of it",
        "left": "until this ends, listed or dead domains are found by the other checks only",
    }
    _tell_seldom(BLIND, {key: words}, Severity.WARNING)


def _ends(swept: Swept, who: str) -> None:
    if swept.wide is not None:
        tell(HELD, EVERYTHING, Severity.CRITICAL, **_wide(swept.wide, who), buttons=_release())
    if swept.recovered:
        well(UNSAFE, *swept.recovered)
        well(UNKNOWN, *swept.recovered)
        well(HELD, *swept.freed)


def _release() -> Any:
    """The message keeps the buttons that it has."""
    standing = open_one(HELD, EVERYTHING)
    known = standing.payload.get("buttons") if standing else None
    return known or [buttons.make([Wanted("Release all", Action.RELEASE_ALL, "")])]


def _wide(wide: Wide, who: str) -> dict[str, Any]:
    return {
        "object": f"{len(wide.bad)} of {wide.active} active domains",
        "happened": f"{who}. So many at once are more often our resolver, key or cache than all of them",
        "done": "nobody is switched, everything is held (blast_radius)",
        "left": "see whether the checks can be believed, then signalbox pipelines release --all",
        "names": list(wide.bad),
    }


def _landing(one: Landing) -> dict[str, Any]:
    provider, threats = PROVIDERS.get(one.said.provider, one.said.provider), ", ".join(one.said.threats)
    return {
        "object": f"page behind {', '.join(one.pipelines)}",
        "happened": f"suspected {threats} on {one.url} ({provider}; lists can err)",
        "done": "the domains in front of it stay: the next one would burn, too",
        "left": "clean or change the page",
    }


def _odd(fault: Fault, remarks: Sequence[Remark], found: Resolutions) -> None:
    """Tell of a fault, and end what was told of names that are fine now or that nobody uses any more."""
    _tell_seldom(fault.value, {one.target.domain: _remark(one) for one in remarks}, Severity.WARNING)
    names = {one.target.domain for one in remarks}
    if found.whole:
        settle(fault.value, [*names, *found.open])
    else:
        well(fault.value, *(name for name in found.fine if name not in names))


def _remark(one: Remark) -> dict[str, Any]:
    happened, left = _FAULTS[one.fault]
    vote = one.vote
    said = {"know it": vote.positive, "deny it": vote.negative, "sinkhole": vote.sinkholed}
    leads = [*vote.chain, *vote.addresses] if one.fault is Fault.MISPOINTED else []
    expected = f"expected {one.target.expected_cname}, found {', '.join(leads[:6])}" if leads else None
    return {
        "object": f"{one.target.pipeline}: {one.target.domain}",
        "happened": happened,
        "done": "told only, no switch",
        "left": left,
        "evidence": [expected, *(f"{word}: {', '.join(voices)}" for word, voices in said.items() if voices)],
    }


def _tell_seldom(kind: str, objects: Mapping[str, Mapping[str, Any]], severity: Severity) -> None:
    """Raise what is new, and note again what was not noted for some time."""
    known = incidents.noted_since(now() - QUIET, [kind]) if objects else set()
    fresh = {key: words for key, words in objects.items() if (kind, key) not in known}
    if fresh:
        tell_all(kind, fresh, severity)


def _clock(at: datetime) -> str:
    zone = get_settings().local_timezone
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M} {zone}"
