"""The offers of the imitated Affise: changed field by field, and badly hurt by a careless form."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from sandbox.world import Clock

SIZES = {"s": 250, "m": 1000, "l": 5000}
DOMAINS = 20
FIRST_ID = 101
FIRST_EDIT = "2026-11-01 10:00:00"
COLLECTIONS = ("landings", "commission_tiers")
_STAMP = "%Y-%m-%d %H:%M:%S"


def domain(number: int) -> str:
    """The tracking domain of the number-th invented offer: c1 to c20 in turn."""
    return f"c{number % DOMAINS + 1}.sandbox.test"


class Offers:
    """By id, ascending; `emails` counts the letters that a careless edit sent to partners."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: dict[int, dict[str, Any]] = {}
        self.emails = 0

    def seed(self, random: Random, size: str) -> int:
        """Replace all offers by invented ones; the same generator state gives the same."""
        self.rows = {FIRST_ID + number: _invented(FIRST_ID + number, random) for number in range(SIZES[size])}
        return len(self.rows)

    def post(self, offer_id: int, form: dict[str, str]) -> dict[str, Any]:
        """Change the fields of a form; a collection that is named at all is replaced by what else was sent of it."""
        names = {name.partition("[")[0] for name in form}
        changes: dict[str, Any] = {name: value for name, value in form.items() if "[" not in name}
        changes |= {name: [] for name in COLLECTIONS if name in names}
        if "status" in changes:
            changes["status"] = changes["status"] or "stopped"
        self.emails += changes.pop("send_emails", "") == "1"
        return self.edit(offer_id, changes)

    def edit(self, offer_id: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Change some fields; a new id makes an offer."""
        before = self.rows.get(offer_id) or _invented(offer_id, Random(f"affise {offer_id}"))
        last = datetime.strptime(before["updated_at"], _STAMP)  # noqa: DTZ007  the service states no zone
        after = max(self._clock.now().strftime(_STAMP), (last + timedelta(seconds=1)).strftime(_STAMP))
        self.rows[offer_id] = before | changes | {"id": offer_id, "updated_at": after}
        self.rows = dict(sorted(self.rows.items()))
        return self.rows[offer_id]


def _invented(offer_id: int, random: Random) -> dict[str, Any]:
    number = offer_id - FIRST_ID
    host, token = domain(number), f"{random.getrandbits(48):012x}"
    base = f"https://{host}"
    return {
        "id": offer_id,
        "offer_id": token,
        "title": f"Offer {offer_id} ÄÖ",
        "status": ("active", "active", "active", "stopped", "suspended")[number % 5],
        "url": f"{base}/c/{token[:4]}?clickid={{clickid}}&pid={{pid}}&b=2&a=1&raw=%7Bx%7D&s={{sub1}}+{{sub2}}",
        "trafficback_url": f"{base}/tb?clickid={{clickid}}" if number % 3 else "https://landing.example.test/tb",
        "url_preview": "https://landing.example.test/preview",
        "preview_url": f"{base}/preview" if number % 4 == 0 else "",
        "parallel_tracking_url": "",
        "cross_postback_url": f"https://partner.example.test/pb?to=https%3A%2F%2F{host}%2Fx"
        if number % 50 == 0
        else "",
        "macro_url": "{redirect}",
        "impressions_url": "",
        "landings": [{"id": 1, "title": "Main", "url": f"{base}/l1", "url_preview": f"{base}/l1/preview"}],
        "targeting": [
            {"country": {"allow": ["US"]}, "url": "", "urls": [{"url": "https://a.example.test/", "rate": 1}]}
        ],
        "tracking_domain": host,
        "domain_url": host,
        "commission_tiers": [{"timestamp_from": 0, "value": "0.5"}],
        "payments": [{"revenue": 1.25, "currency": "USD"}],
        "new_in_next_version": {"nobody": "knows"},
        "updated_at": FIRST_EDIT,
    }
