"""Keeps credentials out of the journal, which tests print and keep."""

from __future__ import annotations

import re

MASK = "[secret]"
_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "cwauth-token",
        "x-goog-api-key",
        "x-amz-security-token",
    }
)
_QUERY = re.compile(r"(^|&)((?:key|api_?key|token|access_token|password)=)[^&]*", re.IGNORECASE)
_BOT = re.compile(r"/bot[^/]+")
_BODY = re.compile(r'("(?:accessKey|accessId|password)"\s*:\s*")(?:[^"\\]|\\.)*')
_FORM = re.compile(r"((?:^|&)assertion=)[^&]*")
_USER_INFO = re.compile(r"(://)[^/@\s]+@")


def clean_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name: MASK if name in _HEADERS else _without_user_info(value) for name, value in headers.items()}


def clean_path(path: str) -> str:
    """A Telegram token is part of the path."""
    return _BOT.sub(f"/bot{MASK}", path) if "/bot" in path else path


def clean_query(query: str) -> str:
    return _QUERY.sub(rf"\1\2{MASK}", query) if query else query


def clean_body(body: str) -> str:
    """A session is opened with a key inside of JSON, a token is given for an assertion inside of a form."""
    if "assertion=" in body:
        body = _FORM.sub(rf"\1{MASK}", body)
    return _BODY.sub(rf"\1{MASK}", body) if '"accessKey"' in body or '"password"' in body else body


def _without_user_info(value: str) -> str:
    return _USER_INFO.sub(rf"\1{MASK}@", value) if "@" in value else value
