"""What people do with requests to Affise, with the messages that follow; raises as `core.domains.affise_requests`."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from core.domains import affise_requests
from core.domains.persons import By
from models.affise_requests import Request
from models.conflicts import transaction
from worker.domains import approvals
from worker.domains.affise_news import plan


def approve(request_id: UUID | str, by: By, items_sha256: str) -> Request:
    """Agree to exactly the items with this digest."""
    return _done(lambda: affise_requests.approve(request_id, by, items_sha256))


def reject(request_id: UUID | str, by: By) -> Request:
    """Refuse what is planned."""
    return _done(lambda: affise_requests.reject(request_id, by))


def retry(request_id: UUID | str, by: By) -> Request:
    """Try again what failed; the request that is gone on with."""
    return _done(lambda: affise_requests.retry(request_id, by))


def rollback(request_id: UUID | str, by: By) -> Request:
    """Take back what was written; the request that does so."""
    return _done(lambda: affise_requests.rollback(request_id, by))


def _done(act: Callable[[], Request]) -> Request:
    def work() -> Request:
        request = act()
        plan(str(request.id))
        approvals.settle()
        return request

    return transaction(work)
