"""The checks of a click, in their order, as pure rules over facts that are already loaded."""

from __future__ import annotations

from collections import Counter

from core.ads import bots, days, links, pricing
from core.ads.bans import Bans
from core.ads.candidate import Candidate, Informer, Offer, Outcome
from core.ads.clicks import Flag
from core.ads.facts import Facts
from core.ads.outcomes import SENTENCES_OF_FAULTS, Fault, Reason
from core.ads.rules import SKEW_SECONDS, Limit, Rules
from core.ads.till import Till, scaled
from core.ads.window import Seen, densest, repeated

WORKING = "working"
NO_PAIR = "-"
"""Stands for a missing visitor id where clickers of one network are told apart."""


class Judge:
    """Decides the clicks of one batch in click-time order; each decision sees the earlier ones.

    With a till, paid clicks are charged while deciding: a refused charge then never counts towards a limit.
    """

    def __init__(
        self, rules: Rules, facts: Facts, keyring: links.Keyring, moment: str, till: Till | None = None
    ) -> None:
        self.rules, self.facts, self.keyring, self.till = rules, facts, keyring, till
        self.bans = Bans(rules, facts.listed, moment)
        self.capped: Counter[tuple[int, str]] = Counter()
        self._ids: set[str] = set()

    def screen(self, candidate: Candidate) -> None:
        """Checks 1 to 5, which need no growing table."""
        if self._is_known(candidate) or candidate.outcome is Outcome.TEST:
            return
        self._look_up(candidate)
        if not candidate.unfiltered and (entry := self.bans.holding(candidate)):
            candidate.hit = entry
            candidate.reject(Reason.BLACKLISTED, "not listed", entry.net)
        elif not self._link_is_good(candidate):
            return
        else:
            self._check_parties(candidate)

    def _is_known(self, candidate: Candidate) -> bool:
        key = candidate.id
        if key in self.facts.final or key in self._ids:
            candidate.outcome = Outcome.FINAL
        elif key in self.facts.pending:
            candidate.outcome = Outcome.PENDING
        self._ids.add(key)
        candidate.replayed = key in self.facts.retried
        return candidate.outcome in (Outcome.FINAL, Outcome.PENDING)

    def _look_up(self, candidate: Candidate) -> None:
        if self.rules.pairs(candidate.click.ip):
            candidate.visitor = candidate.click.visitor_id or NO_PAIR
        link = candidate.link
        if link is None:
            return
        offer = candidate.offer = self.facts.offers.get(link.offer_id)
        informer = candidate.informer = self.facts.informers.get(link.informer_id)
        if (offer and offer.unfiltered) or (informer and informer.unfiltered):
            candidate.unfiltered = True
            candidate.flag(Flag.FILTER_DISABLED)

    def _link_is_good(self, candidate: Candidate) -> bool:
        link = candidate.link
        if link is None:
            candidate.reject(Reason.TOKEN_INVALID, "a valid signature", candidate.fault)
            return False
        if candidate.unfiltered:
            return True
        if not links.tag_matches(link, candidate.net, self.keyring):
            tag = links.ip_tag(self.keyring, link.key_id, candidate.net)
            candidate.reject(Reason.IP_MISMATCH, link.ip_tag.hex(), tag.hex())
            return False
        return self._age_is_good(candidate, candidate.at - link.issued_at * days.SECOND)

    def _age_is_good(self, candidate: Candidate, age: int) -> bool:
        if age > self.rules.ttl_seconds * days.SECOND:
            candidate.reject(Reason.LINK_EXPIRED, self.rules.ttl_seconds, age // days.SECOND)
        elif age < -SKEW_SECONDS * days.SECOND:
            candidate.reject(Reason.CLOCK_SKEW, -SKEW_SECONDS, age // days.SECOND)
        return candidate.outcome is None

    def _check_parties(self, candidate: Candidate) -> None:
        if candidate.offer is None:
            _fail(candidate, Fault.UNKNOWN_OFFER)
        elif candidate.informer is None:
            _fail(candidate, Fault.UNKNOWN_INFORMER)
        elif candidate.informer.block_state in ("light", "banned"):
            candidate.reject(Reason.ACCOUNT_BLOCKED, "none", candidate.informer.block_state)

    def decide(self, candidate: Candidate) -> None:
        """Checks 6 to 12, and again the blacklist, to which an earlier click of the batch may have added."""
        if candidate.outcome in (Outcome.FINAL, Outcome.PENDING, Outcome.TEST):
            return
        if not candidate.unfiltered and candidate.hit is None and (entry := self.bans.holding(candidate)):
            candidate.hit = entry
            candidate.reject(Reason.BLACKLISTED, "not listed", entry.net)
        if candidate.hit:
            self.bans.count_hit(candidate.hit)
        offer, informer = candidate.offer, candidate.informer
        if candidate.outcome is None and offer and informer:
            self._decide_open(candidate, offer, informer)

    def _decide_open(self, candidate: Candidate, offer: Offer, informer: Informer) -> None:
        seen = self.facts.seen.get(candidate.net, [])
        own = _of_visitor(seen, candidate.visitor) if candidate.visitor else seen
        if not candidate.unfiltered and not self._passes_filters(candidate, offer, informer, own, seen):
            if candidate.over_limit and self.rules.keep_over_limit:
                self._remember(candidate, offer, informer)
            return
        span = self.rules.unique_span
        candidate.unique = not repeated(own, offer.id, candidate.at, span)
        candidate.social = offer.social
        self._settle(candidate, offer, informer)
        if candidate.outcome is Outcome.RECORDED:
            self._remember(candidate, offer, informer)

    def _passes_filters(
        self, candidate: Candidate, offer: Offer, informer: Informer, own: list[Seen], seen: list[Seen]
    ) -> bool:
        self._check_cap(candidate, offer)
        if candidate.outcome is None:
            self._filter(candidate, informer)
        if candidate.outcome is None:
            self._check_limits(candidate, informer, own, seen)
        return candidate.outcome is None

    def _check_cap(self, candidate: Candidate, offer: Offer) -> None:
        if offer.daily_cap is None:
            return
        key = (offer.campaign_id, str(days.stat_day(candidate.at, self.rules.zone)))
        clicks = self.facts.capped.get(key, 0) + self.capped[key]
        if clicks >= offer.daily_cap:
            candidate.reject(Reason.CAMPAIGN_CAPPED, offer.daily_cap, clicks)

    def _filter(self, candidate: Candidate, informer: Informer) -> None:
        rules, click = self.rules, candidate.click
        if bots.is_bot(click.user_agent):
            candidate.flag(Flag.BOT_USER_AGENT)
            if rules.reject_bots:
                candidate.reject(Reason.BOT_USER_AGENT, "a browser", click.user_agent[:80])
                return
        if candidate.view_ms < rules.min_view_ms:
            candidate.flag(Flag.TOO_FAST)
        if informer.block_state == "filter" and candidate.view_ms < informer.min_seconds * 1000:
            candidate.reject(Reason.TOO_FAST, informer.min_seconds * 1000, candidate.view_ms)
        elif rules.datacenters and click.ip in rules.datacenters:
            candidate.flag(Flag.DATACENTER)
            if rules.reject_datacenters:
                candidate.reject(Reason.DATACENTER_IP, "no data centre", "listed")

    def _check_limits(self, candidate: Candidate, informer: Informer, own: list[Seen], seen: list[Seen]) -> None:
        for limit in self.rules.limits:
            self._check_limit(candidate, limit, informer, seen if limit.by_network else own)
        if candidate.visitor and not (self.rules.allowlist and candidate.click.ip in self.rules.allowlist):
            for limit in self.rules.address_limits:
                self._check_limit(candidate, limit, informer, seen)

    def _check_limit(self, candidate: Candidate, limit: Limit, informer: Informer, seen: list[Seen]) -> None:
        if candidate.outcome is not None:
            return
        times = [click.at for click in seen if not limit.per_informer or click.informer_id == informer.id]
        number = densest(times, candidate.at, limit.span)
        if limit.reason is Reason.OVER_LIMIT_DAY:
            candidate.day_count = number
        if number > limit.most:
            candidate.reject(limit.reason, limit.most, number)
            candidate.over_limit = True
            candidate.detail = {"hours": limit.span // days.HOUR}
            banned = self.bans.ban(candidate, limit.reason.value)
            candidate.detail["listed"] = banned and banned.net

    def _settle(self, candidate: Candidate, offer: Offer, informer: Informer) -> None:
        """Not unique: recorded for nothing. Else the price is fixed now, and the advertiser is asked."""
        if not candidate.unique:
            candidate.record("done")
            return
        if not offer.social:
            candidate.price = self.facts.prices.at(informer.account_id, informer.id, candidate.at)
            if candidate.price is None:
                _fail(candidate, Fault.PRICE_MISSING)
                return
        if offer.social and not self.rules.notify_social:
            candidate.record("done")
        elif self.till is None:
            candidate.record("pending", None, None)
        else:
            self._charge(candidate, offer, informer, self.till)

    def _charge(self, candidate: Candidate, offer: Offer, informer: Informer, till: Till) -> None:
        override = price_override(offer.prices, informer)
        cost = scaled(offer.click_cost, informer.percent_bp) if override is None else override
        refusal, cost = till.charge(
            candidate.id,
            campaign_id=offer.campaign_id,
            running=offer.status == WORKING,
            active=offer.active,
            cost=cost,
            social=offer.social,
        )
        if refusal is not None:
            candidate.fail(refusal.value, SENTENCES_OF_FAULTS[refusal])
            return
        candidate.charge_id = candidate.id
        candidate.record("done", cost, pricing.partner_cost(candidate.price, cost) if candidate.price else 0)

    def _remember(self, candidate: Candidate, offer: Offer, informer: Informer) -> None:
        seen = Seen(candidate.click.visitor_id, candidate.at, offer.id, informer.id)
        self.facts.seen.setdefault(candidate.net, []).append(seen)
        if offer.daily_cap is not None:
            self.capped[offer.campaign_id, str(days.stat_day(candidate.at, self.rules.zone))] += 1


def price_override(prices: dict[str, object], informer: Informer) -> int | None:
    """The campaign's own charge for this informer in micro-units, by public id or by key."""
    value = prices.get(informer.guid, prices.get(str(informer.id))) if prices else None
    return value if type(value) is int else None


def _of_visitor(seen: list[Seen], visitor: str) -> list[Seen]:
    return [click for click in seen if (click.visitor_id or NO_PAIR) == visitor]


def _fail(candidate: Candidate, fault: Fault) -> None:
    candidate.fail(fault.value, SENTENCES_OF_FAULTS[fault])
