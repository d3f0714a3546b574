"""One click on its way through the checks, with everything that is decided about it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from core.ads import days, links
from core.ads.clicks import ClickMessage, Flag
from core.ads.outcomes import Reason
from core.ads.pricing import Price


class Offer(NamedTuple):
    """An offer and what its campaign says; money in micro-units, `prices` overrides the charge by informer."""

    id: int
    guid: str
    active: bool
    click_cost: int
    campaign_id: int
    campaign_guid: str
    adload_id: str | None
    status: str
    social: bool
    unfiltered: bool
    daily_cap: int | None
    budget: int | None
    prices: dict[str, Any]


class Informer(NamedTuple):
    """An informer and what its account says."""

    id: int
    guid: str
    unfiltered: bool
    account_id: int
    block_state: str
    min_seconds: int
    percent_bp: int


class Entry(NamedTuple):
    """A blacklist entry that holds the click's address."""

    id: int
    net: str
    visitor_id: str
    source: str
    reason_code: str
    since: str


class Outcome(StrEnum):
    """What a batch does with a click."""

    FINAL = "final"
    PENDING = "pending"
    TEST = "test"
    REJECTED = "rejected"
    ERROR = "error"
    RECORDED = "recorded"


class Candidate:
    """A click, what its link says, and the verdict so far; a plain mutable object, because there are many."""

    __slots__ = (
        "advertiser_cost",
        "at",
        "charge_id",
        "click",
        "code",
        "day",
        "day_count",
        "detail",
        "fault",
        "flags",
        "hit",
        "id",
        "informer",
        "link",
        "measured",
        "message",
        "offer",
        "outcome",
        "over_limit",
        "partner_cost",
        "price",
        "replayed",
        "rule",
        "social",
        "state",
        "unfiltered",
        "unique",
        "view_ms",
        "visitor",
    )

    def __init__(self, click: ClickMessage, keyring: links.Keyring) -> None:
        self.click = click
        self.id = str(click.click_id)
        self.at: int = days.microseconds(click.clicked_at)
        self.day: date = days.utc_day(self.at)
        self.link: links.Link | None = None
        self.fault = ""
        self.view_ms = click.view_ms
        self.outcome: Outcome | None = None
        self._read(keyring)
        self.offer: Offer | None = None
        self.informer: Informer | None = None
        self.unfiltered = self.unique = self.social = self.replayed = self.over_limit = False
        self.visitor = ""
        self.hit: Entry | None = None
        self.flags: int = click.flags
        self.code = self.message = ""
        self.rule: Any = None
        self.measured: Any = None
        self.detail: dict[str, Any] | None = None
        self.day_count = 0
        self.price: Price | None = None
        self.state = ""
        self.advertiser_cost: int | None = None
        self.partner_cost: int | None = None
        self.charge_id: str | None = None

    def _read(self, keyring: links.Keyring) -> None:
        click = self.click
        try:
            self.link = links.read_token(click.token, click.u, click.h, keyring)
        except links.InvalidLink as error:
            self.fault = error.reason
        else:
            self.view_ms = (self.at - self.link.issued_at * days.SECOND) // 1000
            if self.link.test:
                self.outcome = Outcome.TEST

    @property
    def net(self) -> str:
        """The clicker's network."""
        return self.click.actor_net

    def flag(self, flag: Flag) -> None:
        """Note a suspicious or special fact."""
        self.flags |= flag.value

    def reject(self, reason: Reason, rule: Any = None, measured: Any = None) -> None:
        """A rule refuses: which limit, what was measured."""
        self.outcome, self.code, self.rule, self.measured = Outcome.REJECTED, reason.value, rule, measured

    def fail(self, code: str, message: str) -> None:
        """A fault: this click cannot be decided or charged."""
        self.outcome, self.code, self.message = Outcome.ERROR, code, message

    def record(self, state: str, advertiser_cost: int | None = 0, partner_cost: int | None = 0) -> None:
        """The click counts: `done` with its costs, or `pending` until AdLoad has answered."""
        self.outcome, self.state = Outcome.RECORDED, state
        self.advertiser_cost, self.partner_cost = advertiser_cost, partner_cost
