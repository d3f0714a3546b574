"""Click links: signing, reading and checking the token that binds an offer, a place and a visitor's network."""

from __future__ import annotations

import binascii
import hmac
import struct
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from config import checks
from config.settings import get_settings
from core.ads import actors
from core.ads.hosts import page_host

TOKEN_LENGTH = 58
_VERSION = 1
_TEST = 1
_FACTS = struct.Struct(">BBIQQ4sB")
_MAC_SIZE = 16
_TO_STANDARD = bytes.maketrans(b"-_+/", b"+/\0\0")
# 43 bytes leave two bits in the last character; its other four must be zero, or a token would have 16 spellings
_LAST_CHARACTERS = frozenset("AQgw")
_MAX_ID = 2**63 - 1
_MAX_QUERY = 32_768  # the longest destination with every byte escaped, and room for what others add


class InvalidLink(ValueError):
    """A token that is not ours, with a short reason that holds no part of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Link(NamedTuple):
    """What a valid token says; `issued_at` is in Unix seconds."""

    version: int
    key_id: int
    issued_at: int
    informer_id: int
    offer_id: int
    ip_tag: bytes
    test: bool


class Place(NamedTuple):
    """One link to issue: the offer, the informer it is shown in, and optionally its destination."""

    offer_id: int
    informer_id: int
    destination: str | None = None


class Keyring:
    """Signing keys by id; the first signs, all verify."""

    __slots__ = ("_secrets", "signing_id")

    def __init__(self, secrets: dict[int, bytes]) -> None:
        self._secrets = secrets
        self.signing_id = next(iter(secrets))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """From `id:hex,id:hex`; raises ValueError naming LINK_KEYS, what is wrong and what would be right."""
        try:
            checks.link_keys(text)
        except ValueError as error:
            raise ValueError(f"LINK_KEYS: {error}; {checks.HINTS['LINK_KEYS']}") from None
        pairs = (item.strip().split(":") for item in text.split(","))
        return cls({int(key_id): bytes.fromhex(secret) for key_id, secret in pairs})

    def secret(self, key_id: int) -> bytes | None:
        """The key in this slot, None if there is none."""
        return self._secrets.get(key_id)

    def __repr__(self) -> str:
        return f"Keyring(ids={sorted(self._secrets)})"


def issue_click_link(
    offer_id: int,
    informer_id: int,
    client_ip: str,
    page_url: str,
    now: datetime,
    *,
    destination: str | None = None,
    test: bool = False,
    keyring: Keyring | None = None,
    base_url: str | None = None,
    v6_prefix: int | None = None,
) -> str:
    """A link for one offer shown on `page_url` to `client_ip`; raises ValueError for an unusable argument.

    What is not given (keys, address of the redirect, IPv6 prefix) comes from the settings.
    """
    places = [Place(offer_id, informer_id, destination)]
    return issue_click_links(
        places, client_ip, page_url, now, test=test, keyring=keyring, base_url=base_url, v6_prefix=v6_prefix
    )[0]


def issue_click_links(
    places: Iterable[Place],
    client_ip: str,
    page_url: str,
    now: datetime,
    *,
    test: bool = False,
    keyring: Keyring | None = None,
    base_url: str | None = None,
    v6_prefix: int | None = None,
) -> list[str]:
    """Links for all offers of one page view, in the order given; see issue_click_link."""
    keyring = keyring or default_keyring()
    base_url = get_settings().public_url if base_url is None else base_url
    net = actors.actor_net(client_ip, v6_prefix or get_settings().ipv6_actor_prefix)
    tag = ip_tag(keyring, keyring.signing_id, net)
    host = page_host(page_url)
    issued = Link(_VERSION, keyring.signing_id, int(now.timestamp()), 0, 0, tag, test)
    prefix = base_url.rstrip("/") + "/r/"
    return [prefix + _link(issued, place, host, keyring) for place in places]


def _link(issued: Link, place: Place, host: str, keyring: Keyring) -> str:
    destination = place.destination or ""
    link = issued._replace(offer_id=_id(place.offer_id, "offer"), informer_id=_id(place.informer_id, "informer"))
    query = [f"{name}={quote(value, safe='')}" for name, value in (("u", destination), ("h", host)) if value]
    return "?".join(part for part in (_token(link, destination, host, keyring), "&".join(query)) if part)


def _id(value: int, name: str) -> int:
    if not 0 < value <= _MAX_ID:
        raise ValueError(f"the {name} id must be between 1 and {_MAX_ID}, not {value}")
    return value


def _token(link: Link, u: str, h: str, keyring: Keyring) -> str:
    key = keyring.secret(link.key_id)
    if key is None:
        raise ValueError("the signing key is not in the keyring")
    facts = _FACTS.pack(*link[:6], _TEST if link.test else 0)
    return urlsafe_b64encode(facts + _mac(key, facts, u.encode(), h.encode())).rstrip(b"=").decode()


def _mac(key: bytes, facts: bytes, u: bytes, h: bytes) -> bytes:
    message = b"click\0" + facts + sha256(u).digest() + sha256(h).digest()
    return hmac.digest(key, message, "sha256")[:_MAC_SIZE]


def read_token(token: str, u: str | bytes, h: str | bytes, keyring: Keyring) -> Link:
    """The facts of a token whose signature covers `u` and `h`, both percent-decoded, empty if absent.

    Raises InvalidLink. The age and the visitor's network are not judged here.
    """
    raw = _decode(token)
    key = keyring.secret(raw[1])
    if raw[0] != _VERSION:
        raise InvalidLink("unknown version")
    if key is None:
        raise InvalidLink("unknown key")
    facts = raw[: _FACTS.size]
    if not hmac.compare_digest(_mac(key, facts, _bytes(u), _bytes(h)), raw[_FACTS.size :]):
        raise InvalidLink("bad signature")
    version, key_id, issued_at, informer_id, offer_id, tag, flags = _FACTS.unpack(facts)
    return Link(version, key_id, issued_at, informer_id, offer_id, tag, bool(flags & _TEST))


def _decode(token: str) -> bytes:
    """The 43 bytes of a token in its only spelling: URL alphabet, no padding, no spare bits."""
    if len(token) != TOKEN_LENGTH or token[-1] not in _LAST_CHARACTERS:
        raise InvalidLink("malformed")
    try:
        return binascii.a2b_base64(token.encode("ascii").translate(_TO_STANDARD) + b"==", strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidLink("malformed") from None


def _bytes(value: str | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidLink("destination or host is not UTF-8") from None


def read_query(query: str) -> tuple[str, str]:
    """`u` and `h` of a raw query string, percent-decoded; the first of each counts, all else is ignored.

    Raises InvalidLink when one of them is not UTF-8 or the query is longer than any link of ours.
    """
    if len(query) > _MAX_QUERY:
        raise InvalidLink("query too long")
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name in ("u", "h") and name not in found:
            found[name] = _unquote(value)
    return found.get("u", ""), found.get("h", "")


def _unquote(value: str) -> str:
    if "%" not in value and value.isascii():
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        raise InvalidLink("destination or host is not UTF-8") from None


def ip_tag(keyring: Keyring, key_id: int, actor_net: str) -> bytes:
    """Four bytes that bind a link to a network without revealing it; raises InvalidLink for an unknown key."""
    key = keyring.secret(key_id)
    if key is None:
        raise InvalidLink("unknown key")
    return hmac.digest(key, b"ip\0" + actor_net.encode(), "sha256")[:4]


def tag_matches(link: Link, actor_net: str, keyring: Keyring) -> bool:
    """True if the link was issued to this network."""
    return hmac.compare_digest(link.ip_tag, ip_tag(keyring, link.key_id, actor_net))


def age_seconds(link: Link, clicked_at: datetime) -> float:
    """Seconds from issue to click; negative when the clocks disagree."""
    return clicked_at.timestamp() - link.issued_at


def view_ms(link: Link, clicked_at: datetime) -> int:
    """Milliseconds from issue to click, as the message carries them."""
    return int(age_seconds(link, clicked_at) * 1000)


def default_keyring() -> Keyring:
    """The keys of the settings."""
    return _parsed(get_settings().link_keys.get_secret_value())


@lru_cache(maxsize=2)
def _parsed(text: str) -> Keyring:
    return Keyring.parse(text)
