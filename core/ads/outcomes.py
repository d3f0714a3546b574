"""The stable codes of what can become of a click, and the count of a batch's outcomes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from integrations.adload.port import OutcomeCode


class Reason(StrEnum):
    """Why a rule refused a click."""

    TOKEN_INVALID = "token_invalid"  # noqa: S105
    IP_MISMATCH = "ip_mismatch"
    LINK_EXPIRED = "link_expired"
    CLOCK_SKEW = "clock_skew"
    BLACKLISTED = "blacklisted"
    OVER_LIMIT_DAY = "over_limit_day"
    OVER_LIMIT_WEEK = "over_limit_week"
    OVER_LIMIT_NET_DAY = "over_limit_net_day"
    OVER_LIMIT_NET_WEEK = "over_limit_net_week"
    ACCOUNT_BLOCKED = "account_blocked"
    TOO_FAST = "too_fast"
    CAMPAIGN_CAPPED = "campaign_capped"
    BOT_USER_AGENT = "bot_user_agent"
    DATACENTER_IP = "datacenter_ip"


NUMBERS: dict[str, int] = {
    Reason.TOKEN_INVALID: 1,
    Reason.IP_MISMATCH: 1,
    Reason.LINK_EXPIRED: 1,
    Reason.CLOCK_SKEW: 1,
    Reason.BLACKLISTED: 2,
    Reason.OVER_LIMIT_DAY: 3,
    Reason.OVER_LIMIT_WEEK: 4,
    Reason.OVER_LIMIT_NET_DAY: 5,
    Reason.OVER_LIMIT_NET_WEEK: 6,
    Reason.ACCOUNT_BLOCKED: 7,
    Reason.TOO_FAST: 8,
}
"""Numbers for consumers that want one; the other codes have none."""

SENTENCES: dict[str, str] = {
    Reason.TOKEN_INVALID: "the link is not one of ours",
    Reason.IP_MISMATCH: "the link was issued to another network",
    Reason.LINK_EXPIRED: "the link is too old",
    Reason.CLOCK_SKEW: "the link was issued after the click",
    Reason.BLACKLISTED: "the network is on the blacklist",
    Reason.OVER_LIMIT_DAY: "too many clicks within a day",
    Reason.OVER_LIMIT_WEEK: "too many clicks on one informer within a week",
    Reason.OVER_LIMIT_NET_DAY: "too many clicks of the network within a day",
    Reason.OVER_LIMIT_NET_WEEK: "too many clicks of the network within a week",
    Reason.ACCOUNT_BLOCKED: "the publisher is blocked",
    Reason.TOO_FAST: "clicked too soon after the ad was shown",
    Reason.CAMPAIGN_CAPPED: "the campaign has reached its clicks of the day",
    Reason.BOT_USER_AGENT: "the browser says that it is a program",
    Reason.DATACENTER_IP: "the address belongs to a data centre",
}


class Fault(StrEnum):
    """Why a click could not be decided or recorded; AdLoad's own codes are `OutcomeCode`."""

    PRICE_MISSING = "price_missing"
    UNKNOWN_OFFER = "unknown_offer"
    UNKNOWN_INFORMER = "unknown_informer"
    INTERNAL = "internal"


class Stage(StrEnum):
    """Where a fault happened."""

    DECODE = "decode"
    DECIDE = "decide"
    CHARGE = "charge"
    RECORD = "record"
    QUEUE = "queue"


SENTENCES_OF_FAULTS: dict[str, str] = {
    Fault.PRICE_MISSING: "no price is in force for this publisher at the time of the click",
    Fault.UNKNOWN_OFFER: "the link names an offer that does not exist",
    Fault.UNKNOWN_INFORMER: "the link names an informer that does not exist",
    Fault.INTERNAL: "the click could not be processed",
    OutcomeCode.OFFER_INACTIVE: "AdLoad refused: the offer is not active",
    OutcomeCode.CAMPAIGN_STOPPED: "AdLoad refused: the campaign does not run",
    OutcomeCode.NO_FUNDS: "AdLoad refused: no funds are left",
    OutcomeCode.ZERO_COST: "AdLoad charged nothing for a paid click",
    OutcomeCode.BAD_REQUEST: "AdLoad refused the request as malformed",
    OutcomeCode.OTHER: "AdLoad refused for a reason of its own",
    OutcomeCode.BAD_REPLY: "AdLoad's answer makes no sense",
    OutcomeCode.TIMEOUT: "AdLoad did not answer in time",
    OutcomeCode.UNREACHABLE: "AdLoad could not be reached",
    OutcomeCode.UNKNOWN_OUTCOME: "AdLoad may or may not have charged; a person must look",
}
ALARMING: frozenset[str] = frozenset({OutcomeCode.BAD_REQUEST, OutcomeCode.BAD_REPLY})
"""Faults of a charge that mean a defect on one of the sides, not a state of the business."""


@dataclass(slots=True)
class Tally:
    """How many clicks of a batch ended how.

    Keys: `counted`, `not_unique`, `social`, `pending`, `duplicate`, `test`, `rejected.<reason>`, `error.<code>`.
    `alarms` names what a person must be told of; `done` holds the clicks that now count, if CLICK_EVENTS asks.
    """

    counts: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    done: list[dict[str, Any]] = field(default_factory=list)

    def add(self, key: str, count: int = 1) -> None:
        """Count clicks under a key."""
        self.counts[key] += count

    def alarm(self, name: str) -> None:
        """Count something that a person must be told of."""
        self.alarms[name] += 1

    def merge(self, other: Tally) -> Tally:
        """Add another batch to this one."""
        self.counts += other.counts
        self.alarms += other.alarms
        self.done += other.done
        return self

    def total(self, kind: str) -> int:
        """The sum of a key and of its dotted parts: `rejected` is all refusals."""
        return sum(count for key, count in self.counts.items() if key == kind or key.startswith(kind + "."))
