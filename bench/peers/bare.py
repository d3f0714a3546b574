"""The limit of HTTP here: a WSGI application that answers 302 and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_HEADERS = [("Location", "https://shop.example/"), ("Cache-Control", "no-store")]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI: 302, always."""
    start_response("200 OK" if environ["PATH_INFO"] == "/healthz" else "302 Found", _HEADERS)
    return [b""]
