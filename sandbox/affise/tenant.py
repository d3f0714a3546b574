"""Affise over HTTP: offers page by page, edits of single fields, refusals inside of a 200."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from random import Random
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from sandbox.affise.offers import DOMAINS, Offers, domain
from sandbox.fields import BadField, changed
from sandbox.strangers import Strangers
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key` unset: any is good. `drift`: so many lists lose an offer of an earlier page between their pages.

    `refusal`: every edit is refused with this text and HTTP 200.
    """

    key: str | None = None
    most_per_page: Annotated[int, Meta(ge=1, le=500)] = 100
    drift: Annotated[int, Meta(ge=0)] = 0
    refusal: str = ""


class Affise:
    """A tenant whose offers are edited by forms."""

    name = "affise"

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/3.1/user/me"): self._me,
            ("GET", "/3.0/offers"): self._list,
            ("GET", "/3.0/admin/domains"): self._domains,
        }
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self.strangers = Strangers()
        self._offers = Offers(self._world.clock)
        self._offers.seed(self._world.random("affise offers"), "s")

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {"offers": self._offers.seed(Random(f"affise {seed}"), size)}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """`settings`, or an offer, made if it is new."""
        if object_id == "settings":
            self.settings = changed(self.settings, changes)
            return msgspec.to_builtins(self.settings)  # type: ignore[no-any-return]
        if not object_id.isdecimal():
            raise BadField("id", "an edit needs the number of an offer, or `settings`")
        return self._offers.edit(int(object_id), changes)

    def state(self) -> dict[str, Any]:
        offers = list(self._offers.rows.values())
        return {"settings": msgspec.to_builtins(self.settings), "emails": self._offers.emails, "offers": offers}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        raise UnknownObject(f"affise has no list {name}")

    def answer(self, request: Request, path: str) -> Answer:
        key = request.headers.get("api-key", "")
        if not key:
            return _failure(401, "Token is necessary")
        if self.settings.key is not None and not hmac.compare_digest(key.encode(), self.settings.key.encode()):
            return _failure(403, "Auth Denied")
        call = self._calls.get((request.method, path))
        return call(request) if call else self._single(request, path)

    def _me(self, request: Request) -> Answer:
        return json_answer({"status": 1, "user": {"id": "5f0c", "email": "ops@partner.example.test"}})

    def _domains(self, request: Request) -> Answer:
        rows = [{"id": number + 1, "url": domain(number), "use_https": True} for number in range(DOMAINS)]
        return json_answer({"status": 1, "domains": rows})

    def _list(self, request: Request) -> Answer:
        wanted = parse_qsl(request.query, keep_blank_values=True)
        asked = dict(wanted)
        statuses = {value for name, value in wanted if name.startswith("status[")}
        page, limit = _number(asked.get("page"), 1), _number(asked.get("limit"), 100)
        limit = min(limit, self.settings.most_per_page)
        rows = [row for row in self._offers.rows.values() if not statuses or row["status"] in statuses]
        if asked.get("sort[id]") != "asc":
            rows.sort(key=lambda row: (row["updated_at"], row["id"]), reverse=True)
        shown = rows[(page - 1) * limit : page * limit]
        about = {"per_page": limit, "total_count": len(rows), "page": page}
        answer = json_answer({"status": 1, "offers": shown, "pagination": about | _next(page, limit, len(rows))})
        self._drift(shown)
        return answer

    def _drift(self, shown: list[dict[str, Any]]) -> None:
        """An offer of the page that was just shown leaves the list, and all later ones move up."""
        if self.settings.drift and shown:
            self.settings = msgspec.structs.replace(self.settings, drift=self.settings.drift - 1)
            self._offers.edit(shown[0]["id"], {"status": "suspended"})

    def _single(self, request: Request, path: str) -> Answer:
        place, _, last = path.rpartition("/")
        offer_id = int(last) if last.isdecimal() else 0
        reads, writes = (request.method, place) == ("GET", "/3.0/offer"), request.method == "POST"
        if offer_id not in self._offers.rows or not (reads or (writes and place == "/3.0/admin/offer")):
            return _failure(404, "Not found")
        return self._read(offer_id) if reads else self._post(offer_id, request)

    def _read(self, offer_id: int) -> Answer:
        answer = json_answer({"status": 1, "offer": self._offers.rows[offer_id]})
        self._slip_in(offer_id, self.strangers.after_reading(str(offer_id)))
        return answer

    def _post(self, offer_id: int, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if self.settings.refusal:
            return _failure(200, self.settings.refusal)
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or not form:
            return _failure(400, "No fields to change")
        offer = self._offers.post(offer_id, form)
        answer = json_answer(
            {"status": 1, "offer": offer, "id": offer_id}, effect={"offer": offer_id, "fields": sorted(form)}
        )
        self._slip_in(offer_id, self.strangers.after_writing(str(offer_id)))
        return answer

    def _slip_in(self, offer_id: int, edits: list[dict[str, Any]]) -> None:
        for changes in edits:
            self._offers.edit(offer_id, changes)


def _next(page: int, limit: int, total: int) -> dict[str, int]:
    return {"next_page": page + 1} if page * limit < total else {}


def _number(text: str | None, default: int) -> int:
    return max(int(text), 1) if text and text.isdecimal() else default


def _failure(status: int, text: str) -> Answer:
    return json_answer({"status": 2, "error": text}, status)
