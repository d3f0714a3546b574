"""The one spelling of a page's host, under which publishers see their traffic."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

_LONGEST = 8192


@lru_cache(maxsize=4096)
def page_host(url: str) -> str:
    """Host of a page or bare host: no port, lower case, IDNA in ASCII; empty if it cannot be written so."""
    if len(url) > _LONGEST:
        return ""
    try:
        host = urlsplit(url if "//" in url else "//" + url).hostname or ""
        return host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return ""
