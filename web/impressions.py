"""Intake of impressions: ad servers send numbered batches with a token of their own."""

from __future__ import annotations

import hmac
from uuid import UUID

import falcon

from config.checks import named_tokens
from config.settings import Settings
from core.ads import impressions
from core.ads.impressions import BadBatch, BatchConflict
from models.database import DATABASE_DOWN, drop_connection, ensure_connection

LARGEST_BODY = 1024 * 1024
RETRY_SECONDS = 30


class Impressions:
    """`POST /impressions`: a batch is added once; whoever is unsure whether it arrived sends it again."""

    def __init__(self, settings: Settings) -> None:
        tokens = settings.impression_tokens
        self._servers = named_tokens(tokens.get_secret_value()) if tokens else {}

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """200 when the batch is in the counters; `accepted` is false if it was there before."""
        response.cache_control = ["no-store"]
        if not self._servers:
            return _refuse(response, falcon.HTTP_404, "", "impressions are not taken here", "set IMPRESSION_TOKENS")
        server = self._server(request.auth)
        if server is None:
            response.set_header("WWW-Authenticate", "Bearer")
            return _refuse(response, falcon.HTTP_401, "authorization", "no known token", "send Authorization: Bearer")
        if request.content_length is None:
            return _refuse(response, falcon.HTTP_411, "content-length", "missing", "say how long the body is")
        if request.content_length > LARGEST_BODY:
            return _refuse(response, falcon.HTTP_413, "body", f"above {LARGEST_BODY} bytes", "send several batches")
        return _take(request.bounded_stream.read(), server, response)

    def _server(self, authorization: str | None) -> str | None:
        """Whose token this is; every token is compared, so that time tells nothing."""
        scheme, _, token = (authorization or "").partition(" ")
        found = None
        for known, server in self._servers.items():
            if hmac.compare_digest(token.strip().encode(), known.encode()) and scheme.lower() == "bearer":
                found = server
        return found


def _take(body: bytes, server: str, response: falcon.Response) -> None:
    try:
        batch = impressions.decode(body, server)
        ensure_connection()
        response.media = {"accepted": impressions.take(batch), "batch_id": str(batch.batch_id)}
    except BadBatch as error:
        _refuse(response, falcon.HTTP_400, error.field, error.problem, error.fix)
    except BatchConflict as error:
        _conflict(response, error.batch_id)
    except DATABASE_DOWN:
        drop_connection()
        response.set_header("Retry-After", str(RETRY_SECONDS))
        _refuse(response, falcon.HTTP_503, "", "the database does not answer", "send the same batch again later")


def _conflict(response: falcon.Response, batch_id: UUID) -> None:
    problem = f"batch {batch_id} is known with other content"
    _refuse(response, falcon.HTTP_409, "batch_id", problem, "give every batch an id of its own")


def _refuse(response: falcon.Response, status: str, field: str, problem: str, fix: str) -> None:
    response.status = status
    response.media = {"error": problem, "field": field, "fix": fix}
