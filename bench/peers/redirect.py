"""The peer's redirect: check the signature, queue one Celery task, answer 302."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from bench.peers.celery_app import send
from config.ids import new_id
from core.ads.links import InvalidLink, default_keyring, read_token

_keyring = default_keyring()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI: GET /r/<token>?u=…&h=… ; anything else answers 200."""
    path = environ["PATH_INFO"]
    if not path.startswith("/r/"):
        start_response("200 OK", [])
        return [b""]
    query = parse_qs(environ.get("QUERY_STRING", ""))
    url, host = query.get("u", [""])[0], query.get("h", [""])[0]
    try:
        link = read_token(path[3:], url, host, _keyring)
        address = environ.get("HTTP_X_FORWARDED_FOR", environ["REMOTE_ADDR"])
        send(str(new_id()), address, link.offer_id, link.informer_id, url)
    except InvalidLink:
        url = "https://www.example.com/"
    start_response("302 Found", [("Location", url), ("Cache-Control", "no-store")])
    return [b""]
