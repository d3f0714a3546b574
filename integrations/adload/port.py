"""What the core may ask of AdLoad and what it gets back, whichever driver speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from integrations.errors import Unauthorized


class ChargeStatus(StrEnum):
    """How AdLoad took one charge: `refused` is final, `error` is not."""

    OK = "ok"
    REFUSED = "refused"
    ERROR = "error"


class OutcomeCode(StrEnum):
    """Our stable codes, as stored in `click_error`."""

    OFFER_INACTIVE = "adload_offer_inactive"
    CAMPAIGN_STOPPED = "adload_campaign_stopped"
    NO_FUNDS = "adload_no_funds"
    ZERO_COST = "adload_zero_cost"
    BAD_REQUEST = "adload_bad_request"
    OTHER = "adload_other"
    BAD_REPLY = "adload_bad_reply"
    TIMEOUT = "adload_timeout"
    UNREACHABLE = "adload_unreachable"
    UNKNOWN_OUTCOME = "adload_unknown_outcome"


@dataclass(frozen=True, slots=True)
class Charge:
    """One click to be charged; the same on every attempt. Ids of offer and campaign are AdLoad's, `ip` is for xmlrpc.

    `percent_bp` scales the charge (10000 = 100 %), `price_override` is in micro-units.
    """

    click_id: UUID
    offer: UUID
    campaign: UUID
    clicked_at: datetime
    social: bool
    percent_bp: int
    price_override: int | None
    ip: str


@dataclass(frozen=True, slots=True)
class ChargeReply:
    """The answer to one charge; `code` is None only for `ok`.

    `refused` with `adload_bad_reply` is a social click that AdLoad charged for: final, `cost_micros` says how much.
    `sent` False: repeating cannot charge twice, because nothing was sent or AdLoad turned the request away unread.
    """

    click_id: UUID
    status: ChargeStatus
    code: OutcomeCode | None = None
    cost_micros: int = 0
    charge_id: str | None = None
    sent: bool = True


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What AdLoad says of a campaign; `allowed` is False when it must not run here."""

    id: UUID
    title: str
    account: str
    manager: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """What AdLoad says of an offer; active = advertised, not blocked, tested."""

    id: UUID
    title: str
    active: bool


@dataclass(frozen=True, slots=True)
class CampaignTotal:
    """What AdLoad charged for one campaign on one UTC day, in micro-units of the settlement currency."""

    campaign: UUID
    clicks: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of a pause and of its end; whoever returns False has heard nothing and is told again."""

    on_pause: Callable[[Unauthorized], object] | None = None
    on_resume: Callable[[], object] | None = None


class AdLoad(Protocol):
    """Every method but `add_clicks` raises an outcome of `integrations.errors` when AdLoad gives no usable answer."""

    transactional: bool
    """True only when `add_clicks` charges inside the caller's database transaction."""
    idempotent: bool
    """True when a repeated click id is answered with the first charge; False: never repeat what may have been sent."""

    def add_clicks(self, charges: Sequence[Charge]) -> list[ChargeReply]:
        """One reply per distinct click id, in the order of the charges; trouble of any kind is an `error` reply."""

    def get_campaign(self, campaign: UUID) -> CampaignFacts | None:
        """The facts; None when AdLoad says that it does not know this campaign."""

    def list_offers(self, campaign: UUID) -> list[OfferFacts]:
        """All offers of a campaign, active or not; an empty list is AdLoad's word, never a lack of an answer."""

    def count_offers(self, campaign: UUID) -> int:
        """How many offers of a campaign are active."""

    def has_active_offers(self, campaign: UUID) -> bool:
        """True when at least one offer of the campaign is active."""

    def add_campaign(self, campaign: UUID) -> None:
        """Announce that a campaign runs here; harmless when repeated."""

    def remove_campaign(self, campaign: UUID) -> None:
        """Announce that a campaign no longer runs here; harmless when repeated."""

    def get_rate(self, rate_id: str) -> Decimal:
        """Units of the settlement currency for one unit of the rate's currency; always above zero."""

    def set_rate(self, rate_id: str, rate: Decimal) -> None:
        """Replace a rate; raises ValueError unless it is above zero with at most six decimals."""

    def daily_totals(self, day: date) -> list[CampaignTotal]:
        """Clicks and cost per campaign of a UTC day."""

    def breaker_open(self) -> bool:
        """True while calls would not be made: too many failures, or paused because the key was refused."""

    def probe(self) -> str:
        """The cheapest read that proves key and reachability, in words; a success ends a pause."""
