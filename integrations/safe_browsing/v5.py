"""Google Safe Browsing version 5, asked by hash prefixes, so that no address leaves this machine."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config import clock
from integrations.errors import OutsideError, Unauthorized
from integrations.http import Effect
from integrations.safe_browsing import checking, replies
from integrations.safe_browsing.google import Google
from integrations.safe_browsing.pool import each
from integrations.safe_browsing.port import LONGEST_SAFE, Entry, Verdict, expiry
from integrations.safe_browsing.urls import PREFIX_BYTES, expressions, full_hash
from integrations.safe_browsing.wire import Found

BASE_URL = "https://safebrowsing.googleapis.com/v5"
THREADS = 4
MOST_PREFIXES = 400
LONGEST_QUERY = 7_900
PREFIX_DIGITS = 2 * PREFIX_BYTES


@dataclass(slots=True)
class SafeBrowsing(Google):
    """The look-up that is free as long as nobody earns by it."""

    url: str = BASE_URL
    provider: str = "safebrowsing-v5"

    def __post_init__(self) -> None:
        self.client = self._client("safe_browsing", {"Accept": replies.PROTOBUF})

    def search_hashes(self, prefixes: Sequence[str], *, deadline: float | None = None) -> list[Entry]:
        """What is listed under each prefix of 8 hex digits; raises an outcome of `integrations.errors`."""
        observed_at = clock.now()
        path = "/hashes:search?" + "&".join(_parameter(prefix) for prefix in prefixes)
        with replies.named():
            reply = self.client.call("GET", path, effect=Effect.READ, parse=False, deadline=deadline)
        return _entries(prefixes, replies.hashes(reply, self.client.secrets), observed_at)

    def probe(self) -> str:
        """A look-up of a name that nobody lists."""
        self.search_hashes([full_hash("example.com/").hex()[:PREFIX_DIGITS]])
        return f"{self.provider}: answers"

    def _check(self, urls: Collection[str], fresh: Collection[str], seconds: float) -> dict[str, Verdict]:
        keys = {url: _keys(url) for url in (*urls, *fresh)}
        ends_at = self.clock() + seconds
        return checking.check(self.provider, self.cache, keys, fresh, lambda wanted: self._ask(wanted, ends_at))

    def _ask(self, prefixes: list[str], ends_at: float) -> dict[str, Entry | str]:
        refused: list[str] = []

        def ask(chunk: tuple[str, ...]) -> dict[str, Entry | str]:
            left = ends_at - self.clock()
            if refused or left <= 0:
                return dict.fromkeys(chunk, refused[0] if refused else checking.OUT_OF_TIME)
            try:
                return {
                    entry[0]: entry for entry in self.search_hashes(chunk, deadline=min(left, self.client.deadline))
                }
            except OutsideError as error:
                word = checking.reason(self.provider, error)
                refused.extend([word] if isinstance(error, Unauthorized) else [])
                return dict.fromkeys(chunk, word)

        answers = each(_chunks(prefixes), ask, threads=THREADS, leave=self.client.close)
        return {prefix: answer for chunk in answers.values() for prefix, answer in chunk.items()}


def _keys(url: str) -> checking.Keys:
    digests = [full_hash(expression).hex() for expression in expressions(url)]
    return [(digest[:PREFIX_DIGITS], digest) for digest in digests]


def _parameter(prefix: str) -> str:
    """Of the characters of base64 only the plus sign means something else in a query."""
    return "hashPrefixes=" + b64encode(bytes.fromhex(prefix)).decode().replace("+", "%2B")


def _chunks(prefixes: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """As many prefixes as one request may carry, by number and by length of its address."""
    chunk: list[str] = []
    length = 0
    for prefix in prefixes:
        size = len(_parameter(prefix)) + 1
        if chunk and (len(chunk) == MOST_PREFIXES or length + size > LONGEST_QUERY):
            yield tuple(chunk)
            chunk, length = [], 0
        chunk.append(prefix)
        length += size
    if chunk:
        yield tuple(chunk)


def _entries(prefixes: Sequence[str], found: Found, observed_at: datetime) -> list[Entry]:
    """The answer holds for every prefix that was asked, whether or not something is listed under it."""
    life = timedelta(seconds=min(found.seconds, LONGEST_SAFE.total_seconds()))
    listed: dict[str, dict[str, list[str]]] = {prefix: {} for prefix in prefixes}
    for digest, threats in found.threats.items():
        if threats and (under := listed.get(digest.hex()[:PREFIX_DIGITS])) is not None:
            under[digest.hex()] = sorted(threats)
    return [(prefix, under, observed_at, expiry(under, observed_at, life)) for prefix, under in listed.items()]
