"""AdLoad over HTTP and JSON: batches of charges, each keyed by its click id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from config import clock
from config.settings import Settings
from integrations.adload import answers, money
from integrations.adload.port import CampaignFacts, CampaignTotal, Charge, ChargeReply, Ears, OfferFacts, OutcomeCode
from integrations.adload.remote import BAD_ITEM, Remote
from integrations.adload.replies import code_of, distinct, failed, refused, unanswered
from integrations.errors import Malformed, OutsideError, Rejected
from integrations.http import Effect, Reply

MOST_ITEMS = 500


@dataclass(slots=True)
class HttpAdLoad(Remote):
    """When AdLoad refuses a batch whole, `batch_seconds` bounds its items one by one.

    Without `idempotent` nothing that was sent and not answered is ever repeated.
    """

    idempotent: bool = True

    def __post_init__(self) -> None:
        self._reach(max(self.seconds, self.batch_seconds), {})

    @classmethod
    def from_settings(cls, settings: Settings, ears: Ears) -> HttpAdLoad:
        """The driver as the environment describes it."""
        return cls._described(settings, ears, idempotent=settings.adload_idempotent)

    def add_clicks(self, charges: Sequence[Charge]) -> list[ChargeReply]:
        """One reply per distinct click id, in order; see the port."""
        waiting = iter(distinct(charges))
        replies: list[ChargeReply] = []
        while chunk := list(islice(waiting, MOST_ITEMS)):
            replies += self._charge(chunk, self.batch_seconds if len(chunk) > 1 else self.seconds)
        return replies

    def get_campaign(self, campaign: UUID) -> CampaignFacts | None:
        """The facts; None when AdLoad does not know it."""
        try:
            reply = self._ask("GET", f"/campaigns/{campaign}")
        except Rejected as error:
            if error.status == 404:
                return None
            raise
        facts = answers.checked(answers.campaign, reply.json)
        if facts.id != campaign:
            raise Malformed("adload: facts of another campaign")
        return facts

    def list_offers(self, campaign: UUID) -> list[OfferFacts]:
        """All offers of a campaign, active or not."""
        return answers.checked(answers.offers, self._ask("GET", f"/campaigns/{campaign}/offers").json)

    def count_offers(self, campaign: UUID) -> int:
        """How many offers of a campaign are active."""
        return sum(offer.active for offer in self.list_offers(campaign))

    def has_active_offers(self, campaign: UUID) -> bool:
        """True when at least one offer is active."""
        return self.count_offers(campaign) > 0

    def add_campaign(self, campaign: UUID) -> None:
        """Announce that a campaign runs here."""
        self._ask("PUT", f"/campaigns/{campaign}/running", effect=Effect.KEYED, parse=False)

    def remove_campaign(self, campaign: UUID) -> None:
        """Announce that a campaign no longer runs here."""
        self._ask("DELETE", f"/campaigns/{campaign}/running", effect=Effect.KEYED, parse=False)

    def get_rate(self, rate_id: str) -> Decimal:
        """Units of the settlement currency for one unit of the rate's currency."""
        return answers.checked(answers.rate, self._ask("GET", "/rates", params={"id": rate_id}).json)

    def set_rate(self, rate_id: str, rate: Decimal) -> None:
        """Replace a rate; raises ValueError for one that could not be read back."""
        money.rate_of(format(rate, "f"))
        body = {"id": rate_id, "rate": format(rate, "f")}
        self._ask("PUT", "/rates", effect=Effect.KEYED, json=body, parse=False)

    def daily_totals(self, day: date) -> list[CampaignTotal]:
        """Clicks and cost per campaign of a UTC day."""
        return answers.checked(answers.totals, self._ask("GET", "/totals", params={"day": day.isoformat()}).json)

    def probe(self) -> str:
        """Today's totals, in words; a success ends a pause."""
        with self._pause.guard(trial=True):
            reply = self.client.call("GET", "/totals", effect=Effect.READ, params={"day": clock.today().isoformat()})
        return f"adload: {len(answers.checked(answers.totals, reply.json))} campaigns charged today"

    def _ask(self, method: str, path: str, *, effect: Effect = Effect.READ, **options: Any) -> Reply:
        with self._pause.guard():
            return self.client.call(method, path, effect=effect, **options)

    def _charge(self, chunk: list[Charge], seconds: float) -> list[ChargeReply]:
        effect = Effect.KEYED if self.idempotent else Effect.ONCE
        body = {"clicks": [_item(charge) for charge in chunk]}
        try:
            reply = self._ask("POST", "/clicks", effect=effect, json=body, deadline=seconds)
        except OutsideError as error:
            return self._refused_whole(chunk, error)
        return self._answered(chunk, reply.json)

    def _refused_whole(self, chunk: list[Charge], error: OutsideError) -> list[ChargeReply]:
        if not isinstance(error, Rejected) or error.status not in BAD_ITEM:
            return [failed(charge, error, idempotent=self.idempotent) for charge in chunk]
        if len(chunk) == 1:
            return [refused(chunk[0], OutcomeCode.BAD_REQUEST)]
        return self._one_by_one(chunk)

    def _one_by_one(self, chunk: list[Charge]) -> list[ChargeReply]:
        """One bad click must not sink the others; what does not fit into the time waits for the next attempt."""
        ends_at = self.clock() + self.batch_seconds
        replies: list[ChargeReply] = []
        for charge in chunk:
            left = ends_at - self.clock()
            if left <= 0:
                late = unanswered(charge, OutcomeCode.TIMEOUT, sent=False, idempotent=self.idempotent)
                replies.append(late)
            else:
                replies += self._charge([charge], min(left, self.seconds))
        return replies

    def _answered(self, chunk: list[Charge], document: Any) -> list[ChargeReply]:
        settlement = money.Settlement(self.currency, self.get_rate)
        try:
            results = answers.results(document)
        except ValueError:
            results = {}
        return [self._reply(charge, results.get(str(charge.click_id), []), settlement) for charge in chunk]

    def _reply(self, charge: Charge, items: list[dict[str, Any]], settlement: money.Settlement) -> ChargeReply:
        try:
            return answers.charge_reply(charge, items, settlement)
        except answers.Busy:
            code = OutcomeCode.UNREACHABLE
        except (ValueError, Rejected):
            code = OutcomeCode.BAD_REPLY
        except OutsideError as error:  # the rate could not be looked up
            code = code_of(error)
        return unanswered(charge, code, sent=True, idempotent=self.idempotent)


def _item(charge: Charge) -> dict[str, Any]:
    return {
        "click_id": str(charge.click_id),
        "offer": str(charge.offer),
        "campaign": str(charge.campaign),
        "clicked_at": instant(charge),
        "social": charge.social,
        "percent_bp": charge.percent_bp,
        "price_override": charge.price_override,
    }


def instant(charge: Charge) -> str:
    """The click's time as ISO text in UTC with microseconds, the same on every attempt."""
    return charge.clicked_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
