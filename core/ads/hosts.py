"""The one spelling of a page's host, under which publishers see their traffic."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

_LONGEST = 8192
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})|[0-9a-f:.]{2,45}")


@lru_cache(maxsize=4096)
def page_host(url: str) -> str:
    """Host of a page or bare host: no port, lower case, IDNA in ASCII; empty if it cannot be written so."""
    if len(url) > _LONGEST:
        return ""
    try:
        host = urlsplit(url if "//" in url else "//" + url).hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) else ""
