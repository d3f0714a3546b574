"""AdLoad over HTTP: charging batches of clicks, campaigns, totals and rates; `/rpc` is the old door."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from random import Random
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sandbox.adload.batch import charge_batch
from sandbox.adload.catalogue import Catalogue, Settings
from sandbox.adload.ledger import Ledger
from sandbox.adload.rpc import Rpc
from sandbox.fields import BadField, read, whole_number
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

_Call = Callable[[Request, str], Answer]


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decimal text above zero, at most six decimals."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]
    rate: Annotated[str, Meta(pattern=r"^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,6})?$")]


class AdLoad:
    """The advertiser side; with a token every call must carry it as bearer."""

    name = "adload"

    def __init__(self, world: World, token: str | None = None) -> None:
        self._world = world
        self._token = token
        self._calls: dict[tuple[str, str, str], _Call] = {
            ("POST", "clicks", ""): self._clicks,
            ("GET", "campaigns", ""): self._campaign,
            ("GET", "campaigns", "offers"): self._offers,
            ("PUT", "campaigns", "running"): self._announce,
            ("DELETE", "campaigns", "running"): self._announce,
            ("GET", "totals", ""): self._totals,
            ("GET", "rates", ""): self._rate,
            ("PUT", "rates", ""): self._set_rate,
        }
        self.reset()

    def reset(self) -> None:
        self._settings = Settings(token=self._token)
        self._catalogue = Catalogue(self._settings)
        self._ledger = Ledger(self._catalogue)
        self._rates: dict[str, str] = {}
        self._rpc = Rpc(self._catalogue, self._ledger, self._world.clock)
        self._order = self._world.random("adload order of results")

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return self._catalogue.seed(Random(f"adload {seed}"), size)

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        return self._catalogue.edit(object_id, changes)

    def state(self) -> dict[str, Any]:
        campaigns = [asdict(campaign) for campaign in self._catalogue.campaigns.values()]
        return {"settings": asdict(self._settings), "campaigns": campaigns, "rates": self._rates}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        """`ledger`, from `since` (a charge number), at most `limit`."""
        if name != "ledger":
            raise UnknownObject(f"adload has no list {name}")
        return self._ledger.listed(whole_number(parameters, "since", 0), whole_number(parameters, "limit", 1_000_000))

    def answer(self, request: Request, path: str) -> Answer:
        if not self._admits(request.headers.get("authorization", "")):
            return _failure(401, "unauthorized")
        if path == "/rpc":
            return self._rpc.answer(request)
        first, object_id, last = _split(path)
        call = self._calls.get((request.method, first, last))
        if call is None:
            return _failure(404, "not found")
        try:
            return call(request, object_id)
        except UnknownObject as unknown:
            return _failure(404, str(unknown.args[0]))

    def _admits(self, authorization: str) -> bool:
        wanted = self._settings.token
        return wanted is None or hmac.compare_digest(authorization.encode(), f"Bearer {wanted}".encode())

    def _clicks(self, request: Request, _: str) -> Answer:
        return charge_batch(request.body, self._ledger, self._settings, self._world.clock.now(), self._order)

    def _campaign(self, request: Request, campaign_id: str) -> Answer:
        return json_answer(self._catalogue.require_campaign(campaign_id).facts())

    def _offers(self, request: Request, campaign_id: str) -> Answer:
        found = self._catalogue.require_campaign(campaign_id)
        listed = [{"id": one.id, "title": one.title, "active": one.active} for one in found.offers.values()]
        return json_answer({"offers": listed})

    def _announce(self, request: Request, campaign_id: str) -> Answer:
        """Unless strict, a campaign announced as running is thereby known."""
        if not self._settings.strict and request.method == "PUT":
            self._catalogue.open_campaign(campaign_id)
        found = self._catalogue.require_campaign(campaign_id)
        found.running = request.method == "PUT"
        return json_answer({"id": found.id, "running": found.running}, effect={"running": found.running})

    def _totals(self, request: Request, _: str) -> Answer:
        try:
            day = date.fromisoformat(request.parameters().get("day", ""))
        except ValueError:
            return _failure(400, "day is no date")
        return json_answer({"totals": self._ledger.totals(day)})

    def _rate(self, request: Request, _: str) -> Answer:
        rate_id = request.parameters().get("id", "")
        if rate_id not in self._rates:
            raise UnknownObject(f"no rate {rate_id}")
        return json_answer({"id": rate_id, "rate": self._rates[rate_id]})

    def _set_rate(self, request: Request, _: str) -> Answer:
        try:
            wanted = read(request.body, Rate)
        except BadField as bad:
            return _failure(400, f"{bad.field}: {bad}")
        self._rates[wanted.id] = wanted.rate
        return json_answer({"id": wanted.id, "rate": wanted.rate}, effect={"rate": wanted.id})


def _split(path: str) -> tuple[str, str, str]:
    """`/campaigns/<id>/offers` as ("campaigns", "<id>", "offers")."""
    first, _, rest = path[1:].partition("/")
    object_id, _, last = rest.partition("/")
    return first, object_id, last


def _failure(status: int, text: str) -> Answer:
    return json_answer({"error": text}, status)
