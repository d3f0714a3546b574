"""The click message: what the redirect knows about one click, as it travels through queue, spool and replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import IntFlag
from ipaddress import ip_address, ip_network
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from core.ads.actors import canonical_ip

MAX_BATCH = 500
LIMITS = {
    "token": 256,
    "u": 8192,
    "h": 255,
    "url": 8192,
    "referer": 1024,
    "user_agent": 512,
    "accept_language": 256,
    "redirect_host": 255,
}
"""Longest value of each text in bytes; `clip` cuts to these."""

_SAFE_INTEGER = 2**53
_NO_OFFSET = timedelta(0)
_UNKNOWN_FIELD = "message"


class Flag(IntFlag):
    """Facts that make a click suspicious or special; stored as their sum."""

    TEST = 1
    BOT_USER_AGENT = 2
    TOO_FAST = 4
    DATACENTER = 8
    REFERER = 16
    SEC_FETCH = 32
    FILTER_DISABLED = 64
    SPOOLED = 128
    INLINE = 256


class BadClick(ValueError):
    """A message that breaks the schema: which field and how, never what it held."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class ClickMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One click; unknown fields of newer senders are ignored, texts are limited in bytes."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    click_id: UUID
    clicked_at: Annotated[datetime, Meta(tz=True)]
    token: Annotated[str, Meta(max_length=LIMITS["token"])]
    u: Annotated[str, Meta(max_length=LIMITS["u"])] = ""
    h: Annotated[str, Meta(max_length=LIMITS["h"])] = ""
    url: Annotated[str, Meta(max_length=LIMITS["url"])]
    ip: Annotated[str, Meta(max_length=45)]
    actor_net: Annotated[str, Meta(max_length=49)]
    visitor_id: Annotated[str, Meta(max_length=64)] = ""
    referer: Annotated[str, Meta(max_length=LIMITS["referer"])] = ""
    user_agent: Annotated[str, Meta(max_length=LIMITS["user_agent"])] = ""
    accept_language: Annotated[str, Meta(max_length=LIMITS["accept_language"])] = ""
    flags: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    view_ms: Annotated[int, Meta(ge=-_SAFE_INTEGER, le=_SAFE_INTEGER)] = 0
    redirect_host: Annotated[str, Meta(max_length=LIMITS["redirect_host"])] = ""


_TEXTS = ("token", "u", "h", "url", "visitor_id", "referer", "user_agent", "accept_language", "redirect_host")
_encoder = msgspec.json.Encoder()


def decode(body: Mapping[str, Any]) -> ClickMessage:
    """A click from its decoded JSON; raises BadClick."""
    try:
        click = msgspec.convert(body, ClickMessage)
    except msgspec.ValidationError as error:
        raise _bad(str(error)) from None
    if click.clicked_at.utcoffset() != _NO_OFFSET:
        raise BadClick("clicked_at", "not in UTC")
    _check_texts(click)
    _check_network(click)
    return click


def payload(click: ClickMessage) -> dict[str, Any]:
    """The message body again, of plain JSON values; `decode` of it gives an equal click."""
    body: dict[str, Any] = msgspec.to_builtins(click)
    return body


def encode(click: ClickMessage) -> bytes:
    """The message body as one line of JSON without a line end."""
    return _encoder.encode(click)


def clip(text: str, limit: int) -> str:
    """The text cut to `limit` bytes of UTF-8, without what a database refuses (NUL, lone surrogates)."""
    if len(text) <= limit and text.isascii() and "\0" not in text:
        return text
    # a character has at most four bytes, and the input may be a megabyte
    clean = text[: 2 * limit].replace("\0", "").encode("utf-8", "ignore")
    return clean[:limit].decode("utf-8", "ignore")


def _bad(text: str) -> BadClick:
    """A fault from msgspec's text, which names types and limits and never repeats a value."""
    problem, _, path = text.rpartition(" - at `$")
    field = path.strip(".`") if problem else ""
    if not problem and "`" in text:
        field = text.split("`")[1] if text.startswith("Object missing") else ""
    return BadClick(field or _UNKNOWN_FIELD, problem or text)


def _check_texts(click: ClickMessage) -> None:
    # one look at all texts together is much cheaper than one at each, and nearly every click passes it
    joined = "".join([getattr(click, name) for name in _TEXTS])
    if joined.isascii() and "\0" not in joined:
        return
    for name in _TEXTS:
        _check_text(name, getattr(click, name))


def _check_text(name: str, text: str) -> None:
    if "\0" in text:
        raise BadClick(name, "holds a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BadClick(name, "is not valid Unicode") from None
    if size > LIMITS.get(name, size):
        raise BadClick(name, f"longer than {LIMITS[name]} bytes")


def _check_network(click: ClickMessage) -> None:
    ip = click.ip
    try:
        canonical = canonical_ip(ip)
    except ValueError:
        raise BadClick("ip", "not an IP address") from None
    if canonical != ip:
        raise BadClick("ip", "not in canonical form")
    if click.actor_net != ip + "/32" and not _contains(click.actor_net, ip):
        raise BadClick("actor_net", "not a network that holds the address")


def _contains(net: str, ip: str) -> bool:
    try:
        network = ip_network(net)
    except ValueError:
        return False
    return str(network) == net and ip_address(ip) in network
