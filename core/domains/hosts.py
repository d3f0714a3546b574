"""Names of tracking domains, and hosts inside URLs: checked, compared, and exchanged without touching another byte."""

from __future__ import annotations

import re
from functools import cache

import idna
from publicsuffixlist import PublicSuffixList

LONGEST_NAME = 253
LONGEST_TEXT = 1000  # nothing longer can become a name, and decoding it would take long
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2}")
_AUTHORITY = re.compile(r"\s*(?P<all>[^/?#\\\s]*)")
_NOT_IN_HOST = re.compile(r"[/?#\\@:{}\[\]()<>%&=\s\x00-\x20\x7f]")
_ALLOWED = "letters, digits and hyphens, at most 63 in a label and 253 in all"
# names that encoding would give back as they are, which it takes long to find out
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_MISTAKES = (
    (r"[\x00-\x20\x7f]", "a blank or a control character; write the name alone"),
    (r"://|^//", "a scheme; write the host alone, such as go.example.com"),
    (r"[/\\?#]", "a path; write the host alone, such as go.example.com"),
    (r"@", "a user name; write the host alone, such as go.example.com"),
    (r"\*", "a wildcard; name each host by itself"),
    (r"^\[", "an address; write the name of a host"),
    (r":", "a port or an address; write the host alone, such as go.example.com"),
)


class BadName(ValueError):
    """A text that is no name for a tracking domain; the message says what to write instead."""


def name_of(text: str) -> str:
    """The name as it is stored: lower-case A-labels without trailing dot. Raises BadName."""
    given = text.strip()
    for pattern, mistake in _MISTAKES:
        if re.search(pattern, given):
            raise BadName(f"{_shown(given)} contains {mistake}")
    if not given:
        raise BadName("the name is empty; write a host such as go.example.com")
    if len(given) > LONGEST_TEXT:
        raise BadName(f"{_shown(given)} is too long; use {_ALLOWED}")
    name = _a_labels(given)
    _check_host(name, given)
    registrable(name)
    return name


def registrable(name: str) -> str:
    """The part that is registered at a registry (eTLD+1). Raises BadName for a public suffix itself."""
    found = _suffixes().privatesuffix(name)
    if found is None:
        raise BadName(f"{_shown(name)} is a public suffix, under which others register; name a host below it")
    return str(found)


def comparable(host: str) -> str:
    """The one spelling by which hosts are compared: case, trailing dot and alphabet do not matter."""
    if not host.isascii() and len(host) <= LONGEST_TEXT:
        try:
            host = idna.encode(host, uts46=True).decode()
        except UnicodeError:
            return host.lower()
    return host.lower().removesuffix(".")


def host_text(url: str) -> str | None:
    """The host as the URL spells it; None when there is none, or when it is an address or holds a macro."""
    span = _span(url)
    return url[slice(*span)] if span else None


def host_of(url: str) -> str | None:
    """The host in the spelling by which hosts are compared; None when the URL names none."""
    found = host_text(url)
    return comparable(found) if found else None


def replace_host(url: str, old: str, new: str) -> str:
    """The URL with `new` in place of the host `old`, every other byte as it was; unchanged if its host is another.

    Replacing back with `old` as the URL spelled it gives the same URL. Raises ValueError if `new` is no host.
    """
    span = _span(url)
    if span is None or comparable(url[slice(*span)]) != comparable(old):
        return url
    if not new or _NOT_IN_HOST.search(new):
        raise ValueError(f"{_shown(new)} is no host; write a name such as go.example.com")
    return url[: span[0]] + new + url[span[1] :]


def _span(url: str) -> tuple[int, int] | None:
    """Where the host stands; browsers read a backslash as a slash, so it ends a host here too."""
    scheme = _SCHEME.match(url)
    start, end = _authority(url, scheme.end() if scheme else 0)
    if scheme:
        start = url.rfind("@", start, end) + 1 or start
    port = url.find(":", start, end)
    host = url[start : end if port < 0 else port]
    if not host or _NOT_IN_HOST.search(host) or _is_address(host):
        return None
    # without a scheme only what cannot be anything else is a host
    bare = "." in host and (port < 0 or url[port + 1 : end].isdecimal())
    return (start, start + len(host)) if scheme or bare else None


def _authority(url: str, start: int) -> tuple[int, int]:
    found = _AUTHORITY.match(url, start)
    return found.span("all") if found else (start, start)


def _is_address(host: str) -> bool:
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or last.lower().startswith("0x")


def _a_labels(given: str) -> str:
    if len(given) <= LONGEST_NAME and _PLAIN.fullmatch(given):
        return given
    try:
        name = idna.encode(given, uts46=True, std3_rules=True).decode().lower().removesuffix(".")
        idna.decode(name)  # an A-label that means nothing passes the encoder
    except UnicodeError as problem:
        raise BadName(f"{_shown(given)} is no host name ({problem}); use {_ALLOWED}") from None
    return name


def _check_host(name: str, given: str) -> None:
    if _is_address(name):
        raise BadName(f"{_shown(given)} is an address; write the name of a host")
    if "." not in name:
        raise BadName(f"{_shown(given)} has one label only; write the whole name, such as go.example.com")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
