"""Asks the registry of a domain how long it is registered, and whether it is on hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from config import clock
from config.settings import Settings
from integrations.errors import Malformed, Rejected, Unavailable
from integrations.http import Client, Effect
from integrations.reach import reach

TIMEOUT = (5.0, 15.0)
DEADLINE = 20.0
DAY_SECONDS = 86_400.0
CALLS_PER_SECOND = 1.0
BOOTSTRAP_BYTES = 4 << 20
RDAP_JSON = {"Accept": "application/rdap+json"}
# a registry that answered 429 without a hint is left alone for a day
DEFAULT_WAIT = DAY_SECONDS
_HOLDS = frozenset({"clienthold", "serverhold", "redemptionperiod", "pendingdelete"})


class RegistrationState(StrEnum):
    """Whether the registry knows the domain; without a registry to ask nothing is known."""

    REGISTERED = "registered"
    NOT_REGISTERED = "not-registered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Registration:
    """What the registry says; an instant is None when it does not say, or nothing readable."""

    state: RegistrationState
    expires_at: datetime | None = None
    registered_at: datetime | None = None
    statuses: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()

    @property
    def on_hold(self) -> bool:
        """The registry or the registrar took the domain out of the zone, or is about to."""
        return any(_plain(status) in _HOLDS for status in self.statuses)


@dataclass(slots=True)
class Rdap:
    """The registries of all zones, found through the bootstrap file, which is kept for a day.

    `before_call` is told the name of the registry before each call, for a limit that several processes share; it
    raises RateLimited to prevent the call. Beyond that each process keeps to one call a second and registry.
    """

    bootstrap_url: str
    timeout: tuple[float, float] = TIMEOUT
    ca_bundle: str | None = None
    contact: str = ""
    before_call: Callable[[str], None] | None = None
    clock: Callable[[], float] = clock.monotonic
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    _clients: dict[tuple[str, float | None], Client] = field(init=False, default_factory=dict, repr=False)
    _registries: dict[str, str] = field(init=False, default_factory=dict, repr=False)
    _stale_at: float = field(init=False, default=float("-inf"), repr=False)

    @classmethod
    def from_settings(cls, settings: Settings, *, before_call: Callable[[str], None] | None = None) -> Rdap | None:
        """As the environment describes it; None when registries are not to be asked."""
        if not settings.rdap_enabled:
            return None
        return cls(settings.rdap_bootstrap_url, before_call=before_call, **reach(settings, settings.rdap_timeout))

    def registration(self, domain: str) -> Registration:
        """What the registry of a registrable domain says; raises Unavailable, RateLimited, Malformed, Unauthorized."""
        base = self.registry(domain)
        if base is None:
            return Registration(RegistrationState.UNKNOWN)
        client = self._client(base)
        if self.before_call:
            self.before_call(f"rdap:{urlsplit(base).hostname}")
        try:
            reply = client.call("GET", f"/domain/{quote(domain, safe='')}", effect=Effect.READ, headers=RDAP_JSON)
        except Rejected as error:
            if error.status == 404:
                return Registration(RegistrationState.NOT_REGISTERED)
            raise
        return parse(reply.json, domain)

    def registry(self, domain: str) -> str | None:
        """The base address that serves a domain, by the longest zone above it; None when its zone has no registry."""
        registries = self._known_registries()
        labels = domain.lower().rstrip(".").split(".")
        zones = (".".join(labels[start:]) for start in range(len(labels)))
        return next((registries[zone] for zone in zones if zone in registries), None)

    def probe(self) -> str:
        """The bootstrap file, in words; raises an outcome when it cannot be had."""
        return f"rdap: registries of {len(self._fetched())} zones"

    def _known_registries(self) -> dict[str, str]:
        with self._lock:
            if self.clock() < self._stale_at:
                return self._registries
        try:
            found = self._fetched()
        except Unavailable:
            if not self._registries:
                raise
            return self._registries  # the old list serves until the new one can be had
        with self._lock:
            self._registries, self._stale_at = found, self.clock() + DAY_SECONDS
        return found

    def _fetched(self) -> dict[str, str]:
        base, _, path = self.bootstrap_url.rpartition("/")
        client = self._client(base, rate=None)
        return parse_bootstrap(client.call("GET", f"/{path}", effect=Effect.READ).json)

    def _client(self, base: str, rate: float | None = CALLS_PER_SECOND) -> Client:
        with self._lock:
            if (base, rate) not in self._clients:
                self._clients[base, rate] = Client(
                    "rdap",
                    base,
                    timeout=self.timeout,
                    deadline=DEADLINE,
                    max_body=BOOTSTRAP_BYTES,
                    ca_bundle=self.ca_bundle,
                    contact=self.contact,
                    default_wait=DEFAULT_WAIT,
                    clock=self.clock,
                    rate=rate,
                )
            return self._clients[base, rate]


def parse_bootstrap(document: Any) -> dict[str, str]:
    """Base addresses by zone from the bootstrap file; raises Malformed when it is something else."""
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(services, list):
        raise Malformed("rdap: the bootstrap file has no services")
    return dict(entry for service in services for entry in _entries(service))


def _entries(service: Any) -> Iterator[tuple[str, str]]:
    match service:
        case [list() as zones, list() as urls, *_]:
            usable = next((url for url in urls if isinstance(url, str) and _is_usable(url)), None)
            if usable:
                yield from ((zone.lower(), usable.rstrip("/")) for zone in zones if isinstance(zone, str))


def _is_usable(url: str) -> bool:
    """A registry over plain http is as good as none, except the sandbox beside us; the client has the last word."""
    try:
        Client("rdap", url)
    except ValueError:
        return False
    return True


def parse(document: Any, domain: str) -> Registration:
    """The registration in a domain object; raises Malformed when it is something else or about another domain."""
    if not isinstance(document, dict) or document.get("objectClassName") != "domain":
        raise Malformed("rdap: not a domain object")
    name = document.get("ldhName", domain)
    if not isinstance(name, str) or name.lower().rstrip(".") != domain.lower().rstrip("."):
        raise Malformed("rdap: an answer about another domain")
    return Registration(
        RegistrationState.REGISTERED,
        expires_at=_instant(document, "expiration"),
        registered_at=_instant(document, "registration"),
        statuses=tuple(item for item in _items(document, "status") if isinstance(item, str)),
        nameservers=tuple(_hosts(document)),
    )


def _items(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _hosts(document: dict[str, Any]) -> Iterator[str]:
    for item in _items(document, "nameservers"):
        if isinstance(item, dict) and isinstance(item.get("ldhName"), str):
            yield item["ldhName"].lower()


def _instant(document: dict[str, Any], action: str) -> datetime | None:
    """When an event happens; the earliest if a registry lists several."""
    events = [event for event in _items(document, "events") if isinstance(event, dict)]
    dates = [_date(event.get("eventDate")) for event in events if event.get("eventAction") == action]
    return min((date for date in dates if date is not None), default=None)


def _date(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _plain(status: str) -> str:
    """Registries write `client hold`, `Client Hold` and, as their other protocol does, `clientHold`."""
    return status.lower().replace(" ", "").replace("_", "")
