"""Search Console: which properties are ours, and what the index thinks of a page; it has no word for unsafe."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from config import checks, clock
from config.settings import Settings
from integrations.errors import Malformed, RateLimited, Rejected, Unauthorized
from integrations.http import Client, Effect
from integrations.limiter import Limiter
from integrations.platforms import listed, patiently
from integrations.reach import reach
from integrations.search_console_grant import Grant

TIMEOUT = (5.0, 30.0)
DEADLINE = 15.0
QUOTA_WAIT = 900.0
RATE, BURST = 200 / 60, 20
# of 2,000 inspections a day 600 may come within a minute, so those that refill the bucket are the rest
INSPECTIONS_A_DAY, INSPECTIONS_A_MINUTE = 2000, 600
INSPECTION_RATE = (INSPECTIONS_A_DAY - INSPECTIONS_A_MINUTE) / 86_400
OWN = frozenset({"siteowner", "sitefulluser", "siterestricteduser"})
LONGEST_WORD = 100
_QUOTA = re.compile(r'"(?:quotaExceeded|(?:user)?[rR]ateLimitExceeded|dailyLimitExceeded|RESOURCE_EXHAUSTED)"')


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the index says of a page. `verdict` is about indexing only: NEUTRAL is how a blocked robot leaves it."""

    verdict: str
    robots: str
    fetch: str
    crawled_at: str


@dataclass(slots=True)
class SearchConsole:
    """One service account; the limits are kept per process."""

    url: str
    token_url: str
    account: Mapping[str, Any] = field(repr=False)
    timeout: tuple[float, float] = TIMEOUT
    deadline: float = DEADLINE
    rate: float | None = RATE
    ca_bundle: str | None = None
    clock: Callable[[], float] = clock.monotonic
    client: Client = field(init=False, repr=False)
    _grant: Grant = field(init=False, repr=False)
    _quotas: dict[str, Limiter] = field(init=False, default_factory=dict, repr=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.client = self._client(self.url, self.rate)
        self._grant = Grant(self._client(self.token_url, None), self.account)

    @classmethod
    def from_settings(cls, settings: Settings) -> SearchConsole | None:
        """The account as the environment describes it; None when none is described."""
        if settings.gsc_service_account is None:
            return None
        account = checks.service_account(settings.gsc_service_account.get_secret_value())
        limits = reach(settings, settings.gsc_timeout)
        return cls(settings.gsc_base_url, settings.gsc_token_url, account, **limits)

    def sites(self) -> dict[str, bool]:
        """The properties of the account: whether each is verified and ours."""
        document = self._ask("GET", "/webmasters/v3/sites")
        rows = listed(
            {"siteEntry": [], **document} if isinstance(document, dict) else document, "siteEntry", "search-console"
        )
        return {row["siteUrl"]: _level(row) in OWN for row in rows if isinstance(row.get("siteUrl"), str)}

    def inspect(self, site: str, url: str) -> Inspection:
        """What the index says of a page of a property; raises Rejected when the property is not ours to ask about."""
        self._quota(site).take()
        asked = {"inspectionUrl": url, "siteUrl": site, "languageCode": "en-US"}
        try:
            document = self._ask("POST", "/v1/urlInspection/index:inspect", json=asked)
        except RateLimited as limited:
            self._quota(site).hold(limited.retry_after)
            raise
        return _inspection(document)

    def probe(self) -> str:
        """How many properties are ours; raises an outcome when the key is refused or Search Console is away."""
        return f"search-console: {sum(self.sites().values())} properties"

    def _ask(self, method: str, path: str, *, json: Any = None) -> Any:
        return self._grant.ask(lambda token: self._call(method, path, token, json))

    def _call(self, method: str, path: str, token: str, json: Any) -> Any:
        self.client.secrets = (*self.client.secrets[-1:], token)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return patiently(
                lambda: self.client.call(method, path, effect=Effect.READ, json=json, headers=headers)
            ).json
        except Unauthorized as error:
            if error.status != 403:
                raise
            raise _forbidden(error) from None

    def _quota(self, site: str) -> Limiter:
        with self._lock:
            if site not in self._quotas:
                self._quotas[site] = Limiter(
                    "search-console", rate=INSPECTION_RATE, burst=INSPECTIONS_A_MINUTE, clock=self.clock
                )
            return self._quotas[site]

    def _client(self, url: str, rate: float | None) -> Client:
        return Client(
            "search-console", url, timeout=self.timeout, deadline=self.deadline, ca_bundle=self.ca_bundle,
            default_wait=QUOTA_WAIT, rate=rate, burst=BURST, clock=self.clock,
        )  # fmt: skip


def property_of(sites: Mapping[str, bool], domain: str) -> str | None:
    """The property that covers a domain, the narrowest first, one that is ours before others."""
    labels = domain.split(".")
    names = [f"https://{domain}/", f"http://{domain}/"]
    names += [f"sc-domain:{'.'.join(labels[place:])}" for place in range(len(labels))]
    known = [name for name in names if name in sites]
    return next((name for name in known if sites[name]), known[0] if known else None)


def _forbidden(error: Unauthorized) -> Rejected | RateLimited:
    """403 speaks of a quota, or of one property; a bad token is 401."""
    if _QUOTA.search(error.detail):
        found: Rejected | RateLimited = RateLimited(f"http_403: {error.detail}", retry_after=QUOTA_WAIT)
    else:
        found = Rejected(error.code, error.detail, status=403)
    found.service, found.request_id = error.service, error.request_id
    return found


def _inspection(document: Any) -> Inspection:
    result = document.get("inspectionResult") if isinstance(document, dict) else None
    index = result.get("indexStatusResult") if isinstance(result, dict) else None
    if not isinstance(index, dict):
        raise Malformed("search-console: no inspection in the answer")
    words = [index.get(name) for name in ("verdict", "robotsTxtState", "pageFetchState", "lastCrawlTime")]
    return Inspection(*(word[:LONGEST_WORD] if isinstance(word, str) else "" for word in words))


def _level(row: dict[str, Any]) -> str:
    """`siteOwner` is also written SITE_OWNER."""
    return str(row.get("permissionLevel", "")).lower().replace("_", "")
