"""Google Web Risk, the look-up for commercial use: one address per request, several requests at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

from config import clock
from integrations.errors import OutsideError, RateLimited, Unauthorized
from integrations.http import Effect
from integrations.safe_browsing import checking, replies
from integrations.safe_browsing.google import Google
from integrations.safe_browsing.pool import each
from integrations.safe_browsing.port import Entry, Verdict, expiry
from integrations.safe_browsing.urls import canonical

BASE_URL = "https://webrisk.googleapis.com/v1"
THREADS = 8
RATE = 50.0
ASKED = ("MALWARE", "SOCIAL_ENGINEERING", "UNWANTED_SOFTWARE")
LONGEST_PAUSE = 1.0
FREE_A_MONTH = 100_000
MICRO_DOLLARS_EACH = 500


@dataclass(slots=True)
class WebRisk(Google):
    """The look-up that is paid for by the request; `sleep` waits for our own limit."""

    url: str = BASE_URL
    provider: str = "webrisk"
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.client = self._client("webrisk", {}, rate=RATE, burst=int(RATE))

    def search_uri(self, uri: str, *, deadline: float | None = None) -> Entry:
        """What is listed about one canonical address; raises an outcome of `integrations.errors`.

        A clean answer says nothing about later and expires at once.
        """
        observed_at = clock.now()
        query = urlencode([*(("threatTypes", threat) for threat in ASKED), ("uri", uri)])
        with replies.named():
            reply = self.client.call("GET", f"/uris:search?{query}", effect=Effect.READ, deadline=deadline)
        threats, until = replies.listing(reply, self.client.secrets)
        hashes = {_key(uri): list(threats)} if threats else {}
        return _key(uri), hashes, observed_at, expiry(hashes, observed_at, _life(observed_at, until))

    def probe(self) -> str:
        """A look-up of an address that nobody lists."""
        self.search_uri("https://example.com/")
        return f"{self.provider}: answers"

    def _check(self, urls: Collection[str], fresh: Collection[str], seconds: float) -> dict[str, Verdict]:
        ends_at = self.clock() + seconds
        uris = {url: _uri(url) for url in (*urls, *fresh)}
        keys: dict[str, checking.Keys] = {url: [(_key(uri), _key(uri))] if uri else [] for url, uri in uris.items()}
        by_key = {_key(uri): uri for uri in uris.values()}
        return checking.check(self.provider, self.cache, keys, fresh, lambda wanted: self._ask(wanted, by_key, ends_at))

    def _ask(self, wanted: list[str], by_key: dict[str, str], ends_at: float) -> dict[str, Entry | str]:
        refused: list[str] = []

        def ask(key: str) -> Entry | str:
            if refused:
                return refused[0]
            try:
                return self._patiently(by_key[key], ends_at)
            except OutsideError as error:
                word = checking.reason(self.provider, error)
                refused.extend([word] if isinstance(error, (Unauthorized, RateLimited)) else [])
                return word

        return each(wanted, ask, threads=THREADS, leave=self.client.close)

    def _patiently(self, uri: str, ends_at: float) -> Entry | str:
        """Waits for our own limit, which is a matter of milliseconds, but not for Google's."""
        while (left := ends_at - self.clock()) > 0:
            try:
                return self.search_uri(uri, deadline=min(left, self.client.deadline))
            except RateLimited as limited:
                if limited.sent or limited.retry_after > LONGEST_PAUSE:
                    raise
                self.sleep(limited.retry_after)
        return checking.OUT_OF_TIME


def monthly_look_ups(domains: int, interval_seconds: int) -> int:
    """Look-ups in 30 days when each domain is asked about once per interval."""
    return domains * (86_400 // interval_seconds) * 30


def monthly_cost_micros(look_ups: int) -> int:
    """What so many look-ups cost in a month, in millionths of a US dollar; the first hundred thousand are free."""
    return max(0, look_ups - FREE_A_MONTH) * MICRO_DOLLARS_EACH


def _uri(url: str) -> str:
    found = canonical(url)
    return str(found) if found.host else ""


def _key(uri: str) -> str:
    return sha256(uri.encode("ascii")).hexdigest()


def _life(observed_at: datetime, until: datetime | None) -> timedelta:
    return max(until - observed_at, timedelta(0)) if until else timedelta(0)
