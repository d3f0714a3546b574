"""The visitor behind a request: the cookie that tells visitors apart, and page loads that nobody asked for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

COOKIE = "sbv"
_ID_LENGTH = 32
_HEX = frozenset("0123456789abcdef")
_YEAR_SECONDS = 365 * 24 * 3600
_PREFIX = COOKIE + "="
_PREFETCH_KEYS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_PREFETCH_WORDS = ("prefetch", "prerender", "preview")
_LONGEST_PURPOSE = 256
_LONGEST_HEADER = 16_384


def is_prefetch(environ: Mapping[str, object]) -> bool:
    """True if the WSGI request says that a browser loads the page ahead of a click that may never come."""
    return any(key in environ and _speaks_of_prefetch(str(environ[key])) for key in _PREFETCH_KEYS)


def _speaks_of_prefetch(value: str) -> bool:
    text = value[:_LONGEST_PURPOSE].lower()
    return any(word in text for word in _PREFETCH_WORDS)


def read_visitor(cookies: str) -> str | None:
    """The visitor id in a Cookie header, 32 hexadecimal digits; None if absent or not of our making."""
    cookies = cookies[:_LONGEST_HEADER]
    at = cookies.find(_PREFIX)
    while at > 0 and cookies[at - 1] not in "; ":
        at = cookies.find(_PREFIX, at + 1)
    if at < 0:
        return None
    start = at + len(_PREFIX)
    value, end = cookies[start : start + _ID_LENGTH], cookies[start + _ID_LENGTH : start + _ID_LENGTH + 1]
    return value if len(value) == _ID_LENGTH and end in ("", ";", " ") and _HEX.issuperset(value) else None


def new_visitor() -> str:
    """A fresh visitor id: 128 random bits, 32 hexadecimal digits."""
    return secrets.token_hex(_ID_LENGTH // 2)


def set_cookie(visitor_id: str) -> str:
    """The value of Set-Cookie that makes the visitor known for a year."""
    return f"{_PREFIX}{visitor_id}; Max-Age={_YEAR_SECONDS}; Path=/; Secure; HttpOnly; SameSite=Lax"
