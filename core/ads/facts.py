"""Loads what a batch is decided by: a fixed number of statements, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from core.ads import actors, days
from core.ads.candidate import Candidate, Entry, Informer, Offer
from core.ads.pricing import PriceList
from core.ads.rules import Rules
from core.ads.window import Seen
from models import blacklist, charges, clicks
from models.database import is_postgres
from models.fields import instant, instant_text

_EVER = 36_500 * days.DAY


@dataclass(slots=True)
class Facts:
    """What the database says about a batch."""

    final: set[str] = field(default_factory=set)
    void: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)
    charged: dict[str, int] = field(default_factory=dict)
    listed: dict[str, list[Entry]] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)
    informers: dict[int, Informer] = field(default_factory=dict)
    prices: PriceList = field(default_factory=PriceList)
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    capped: dict[tuple[int, str], int] = field(default_factory=dict)


def lock(batch: Sequence[Candidate]) -> None:
    """Wait until no other batch decides about these networks; held until the transaction ends.

    Pairs of network and visitor share the stripe of their network, so that limits by network hold too.
    """
    clicks.lock(sorted({actors.stripe(net) for net in {candidate.net for candidate in batch}}))


def load(batch: Sequence[Candidate], now: datetime, *, charges_too: bool) -> Facts:
    """All facts but the growing ones that only survivors of the first checks need."""
    facts = Facts()
    _load_known(facts, batch, charges_too)
    facts.listed = _listed({candidate.click.ip for candidate in batch}, now)
    genuine = [candidate.link for candidate in batch if candidate.link]
    if genuine:
        facts.offers = offers({link.offer_id for link in genuine})
        informer_ids = {link.informer_id for link in genuine}
        facts.informers = {row[0]: _informer(row) for row in clicks.informers(informer_ids)}
        first, last = min(batch, key=_at), max(batch, key=_at)
        facts.prices = PriceList(clicks.prices(informer_ids, first.click.clicked_at, last.click.clicked_at))
    return facts


def _at(candidate: Candidate) -> int:
    return candidate.at


def _load_known(facts: Facts, batch: Sequence[Candidate], charges_too: bool) -> None:
    keys = [(candidate.day, candidate.id) for candidate in batch]
    for store, key, state in clicks.known(keys, charges=charges_too):
        click_id = str(key)
        if store == "charge":
            facts.charged[click_id] = int(state)
        elif state == "pending":
            facts.pending.add(click_id)
        elif state == "retry":
            facts.retried.add(click_id)
        elif state == "void":
            facts.void.add(click_id)
        else:
            facts.final.add(click_id)


def _listed(ips: set[str], now: datetime) -> dict[str, list[Entry]]:
    """Entries by address: the visitor's own first, then the narrowest network."""
    places = sorted(ips)
    rows = blacklist.holding(places, now) if is_postgres() else _listed_by_text(places, now)
    found: dict[str, list[Entry]] = {}
    for place, *columns, since in rows:
        entry = Entry._make((*columns, instant_text(instant(since))))
        found.setdefault(places[place], []).append(entry)
    for entries in found.values():
        entries.sort(key=_narrowness)
    return found


def _narrowness(entry: Entry) -> tuple[bool, int, int]:
    return not entry.visitor_id, -int(entry.net.rpartition("/")[2]), entry.id


def _listed_by_text(places: list[str], now: datetime) -> list[tuple[Any, ...]]:
    lengths = blacklist.prefix_lengths()
    if not lengths:
        return []
    candidates = [(place, net) for place, ip in enumerate(places) for net in actors.prefixes(ip, lengths)]
    return blacklist.equal_to(candidates, now)


def offers(ids: Iterable[int]) -> dict[int, Offer]:
    """Offers by id."""
    return {row[0]: _offer(row) for row in clicks.offers(ids)}


def _offer(row: tuple[Any, ...]) -> Offer:
    key, guid, active, cost, campaign, campaign_guid, adload_id, status, social, unfiltered, *rest, prices = row
    flags = (bool(social), bool(unfiltered))
    first = (key, str(guid), bool(active), cost, campaign, str(campaign_guid), adload_id, status)
    return Offer._make((*first, *flags, *rest, price_map(prices)))


def price_map(value: Any) -> dict[str, Any]:
    """The campaign's own charges by informer, from either engine."""
    found = orjson.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _informer(row: tuple[Any, ...]) -> Informer:
    key, guid, unfiltered, *rest = row
    return Informer(key, str(guid), bool(unfiltered), *rest)


def load_seen(facts: Facts, batch: Sequence[Candidate], rules: Rules) -> None:
    """Recorded clicks of the networks that are still in question, as far as any window reaches."""
    open_questions = [candidate for candidate in batch if candidate.outcome is None]
    if not open_questions:
        return
    first = min(candidate.at for candidate in open_questions)
    last = max(candidate.at for candidate in open_questions)
    limits = _limits_of_days(first, last, rules)
    reach = rules.reach if rules.unique_span else _EVER
    low, high = days.instant(max(first - reach, 0)), days.instant(last + reach)
    for net, visitor, at, offer_id, informer_id in clicks.seen({c.net for c in open_questions}, low, high, limits):
        facts.seen.setdefault(net, []).append(Seen(visitor, at, offer_id, informer_id))


def _limits_of_days(first: int, last: int, rules: Rules) -> tuple[date, date] | None:
    """The partitions to look into; all of them when an offer counts once for ever."""
    if not rules.unique_span:
        return None
    return days.utc_day(first - rules.reach), days.utc_day(last + rules.reach)


def load_caps(facts: Facts, batch: Sequence[Candidate], zone: str) -> None:
    """Clicks of the day of campaigns with a daily cap; the first click of a day starts the counting."""
    wanted = {
        (candidate.offer.campaign_id, days.stat_day(candidate.at, zone))
        for candidate in batch
        if candidate.outcome is None and candidate.offer and candidate.offer.daily_cap is not None
    }
    if not wanted:
        return
    campaigns, of_days = {campaign for campaign, _ in wanted}, {day for _, day in wanted}
    facts.capped = charges.clicks_of_days(campaigns, of_days)
    if missing := sorted(pair for pair in wanted if (pair[0], str(pair[1])) not in facts.capped):
        _start_counting(missing, zone)
        facts.capped = charges.clicks_of_days(campaigns, of_days)


def _start_counting(missing: list[tuple[int, date]], zone: str) -> None:
    rows = [(campaign, day, *days.bounds(day, zone)) for campaign, day in missing]
    first, last = min(row[2] for row in rows), max(row[3] for row in rows)
    charges.start_counting(rows, first.date(), last.date())
