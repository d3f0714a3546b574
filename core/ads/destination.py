"""Where a click goes: which destinations are safe to send a visitor to, and what is added to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import quote, unquote_plus

from core.ads.hosts import page_host
from core.ads.translit import ascii_text

MAX_URL = 8192
"""Longest destination in bytes, decorated or not; a click message refuses more."""

_SCHEMES = ("http://", "https://")
_MACRO = re.compile(r"(?:\{|%7[Bb])([a-z_]{1,32})(?:\}|%7[Dd])")
# what ends or changes the authority in some browser, or has no place in a host
_BAD_IN_AUTHORITY = frozenset(" @\\%<>\"'`{}|^,;!$&()*+=~")
_ENDS_AUTHORITY = frozenset("/?#@:\\[]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SAFE_IN_LOCATION = "!#$%&'()*+,/:;=?@[]~-._|{}^`\"<>\\"
_RAND_MAX = 1_000_000
_OTHER = "other"
_FROM_OFFER = {
    "campaign": "campaign_title",
    "campaign_id": "campaign_id",
    "campaign_guid": "campaign_guid",
    "name": "offer_title",
    "offer": "offer_title",
    "offer_id": "offer_id",
    "offer_guid": "offer_guid",
}

Value = str | int | None


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """An offer and its campaign, as far as the address depends on them."""

    offer_id: int
    offer_guid: str
    offer_title: str
    campaign_id: int
    campaign_guid: str
    campaign_title: str
    partner_marker: bool = True
    hide_site: bool = False
    utm: bool = False
    translit: bool = False


@dataclass(frozen=True, slots=True)
class InformerFacts:
    """An informer and the host of its site."""

    informer_id: int
    informer_guid: str
    site_host: str = ""


class _Split(NamedTuple):
    before: str
    mark: str
    query: str
    fragment: str


@lru_cache(maxsize=4096)
def safe_destination(url: str) -> str | None:
    """The destination unchanged, or None if it is not a plain absolute http or https address.

    None means: send the visitor to FALLBACK_URL.
    """
    if not 0 < len(url) <= MAX_URL or _CONTROLS.search(url) or url != url.strip() or len(url.encode()) > MAX_URL:
        return None
    scheme = url[:8].lower()
    start = next((len(known) for known in _SCHEMES if scheme.startswith(known)), None)
    if start is None or not _safe_authority(_authority(url[start:])):
        return None
    return url


def _authority(text: str) -> str:
    return text.partition("/")[0].partition("?")[0].partition("#")[0]


def _safe_authority(authority: str) -> bool:
    host, port = _host_and_port(authority)
    if not _BAD_IN_AUTHORITY.isdisjoint(authority) or not _is_port(port):
        return False
    if host.startswith("["):
        return _is_v6(host)
    # look-alikes such as U+FF0F or U+2100 become a slash when the browser prepares the host name
    prepared = host if host.isascii() else normalize("NFKC", host)
    return prepared.strip(".") != "" and (_ENDS_AUTHORITY | _BAD_IN_AUTHORITY).isdisjoint(prepared)


def _host_and_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, closed, port = authority.partition("]")
        return host + closed, port
    host, colon, port = authority.partition(":")
    return host, colon + port


def _is_port(text: str) -> bool:
    """True for nothing, a colon, or a colon and a port number."""
    digits = text[1:]
    if not digits:
        return text in ("", ":")
    return text[0] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535


def _is_v6(host: str) -> bool:
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return host.endswith("]")


def location(url: str) -> str:
    """The address as an ASCII header value: what is not ASCII, and blanks, percent-encoded; the host in IDNA."""
    if url.isascii() and " " not in url:
        return url
    scheme, _, rest = url.partition("://")
    authority = _authority(rest)
    host, port = _host_and_port(authority)
    host = host if host.isascii() else page_host(url) or host
    return quote(f"{scheme}://{host}{port}{rest[len(authority) :]}", safe=_SAFE_IN_LOCATION)


def decorate(url: str, params: Mapping[str, Value], macros: Mapping[str, Value]) -> str:
    """Expand macros in the values of the query, then append the parameters that are missing.

    No other byte of the address changes: not of pairs, their order, blanks or duplicates, nor of host and fragment.
    Values are percent-encoded; None counts as empty.
    """
    split = _split(url)
    query = _expanded(split.query, macros)
    missing = _missing(split.query, params)
    if not missing:
        return f"{split.before}{split.mark}{query}{split.fragment}"
    glue = "&" if query and not query.endswith("&") else ""
    return f"{split.before}?{query}{glue}{'&'.join(missing)}{split.fragment}"


def _split(url: str) -> _Split:
    rest, hash_mark, fragment = url.partition("#")
    before, mark, query = rest.partition("?")
    return _Split(before, mark, query, hash_mark + fragment)


def _expanded(query: str, macros: Mapping[str, Value]) -> str:
    if "{" not in query and "%7" not in query:
        return query
    return "&".join(_expand_pair(pair, macros) for pair in query.split("&"))


def _expand_pair(pair: str, macros: Mapping[str, Value]) -> str:
    name, equals, value = pair.partition("=")

    def expand(match: re.Match[str]) -> str:
        return _quoted(macros[match[1]]) if match[1] in macros else match[0]

    return name + equals + _MACRO.sub(expand, value) if equals else pair


def _missing(query: str, params: Mapping[str, Value]) -> list[str]:
    present = _names(query)
    return [f"{_quoted(name)}={_quoted(value)}" for name, value in params.items() if name not in present]


def _names(query: str) -> set[str]:
    return {_plain(pair.partition("=")[0]) for pair in query.split("&")} if query else set()


def _plain(name: str) -> str:
    return unquote_plus(name) if "%" in name or "+" in name else name


def _quoted(value: Value) -> str:
    return _quote("" if value is None else str(value))


@lru_cache(maxsize=4096)
def _quote(text: str) -> str:
    return quote(text, safe="", errors="replace")


def compose(
    destination: str, host: str, offer: OfferFacts | None, informer: InformerFacts | None, *, partner_param: str
) -> str:
    """The address a click leads to: `destination` with partner marker, macros and, if wanted, the utm set.

    `host` is the page's host from the link, empty if absent; facts are None when their lookup failed. An address that
    would become longer than MAX_URL bytes stays as the advertiser wrote it.
    """
    hidden = offer is not None and offer.hide_site
    shown = _publisher(host, informer, hidden)
    source = shown if hidden else shown.replace(".", "_")
    params: dict[str, Value] = {partner_param: shown} if offer is None or offer.partner_marker else {}
    if offer is not None and offer.utm:
        params.update(_utm(offer, source, _names(_split(destination).query)))
    # most addresses hold no macro, and a dozen look-ups per click would cost more than the rest
    macros = _macros(source, offer, informer) if "{" in destination or "%7" in destination else {}
    decorated = decorate(destination, params, macros)
    return decorated if len(decorated) <= MAX_URL // 4 or len(decorated.encode()) <= MAX_URL else destination


def _publisher(host: str, informer: InformerFacts | None, hidden: bool) -> str:
    guid = informer.informer_guid if informer is not None else ""
    if hidden:
        return guid or _OTHER
    site_host = informer.site_host if informer is not None else ""
    return page_host(host) or page_host(site_host) or guid or _OTHER


def _utm(offer: OfferFacts, source: str, present: Iterable[str]) -> dict[str, Value]:
    text = ascii_text if offer.translit else str
    wanted: dict[str, Value] = {
        "utm_medium": "cpc",
        "utm_source": source,
        "utm_campaign": text(offer.campaign_title),
        "utm_content": text(offer.offer_title),
    }
    if "utm_source" in present:
        wanted["utm_term"] = source
    return wanted


def _macros(source: str, offer: OfferFacts | None, informer: InformerFacts | None) -> dict[str, Value]:
    values: dict[str, Value] = {"source": source, "rand": secrets.randbelow(_RAND_MAX + 1)}
    for name, field in _FROM_OFFER.items():
        values[name] = getattr(offer, field, "")
    values["source_id"] = informer.informer_id if informer is not None else ""
    values["source_guid"] = informer.informer_guid if informer is not None else ""
    return values
