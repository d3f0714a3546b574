"""Affise follows a switch: addresses of offers are found, agreed to, changed one by one and proved."""

from __future__ import annotations

from uuid import UUID

from core.domains import affise_applying, affise_course, affise_planning, platforms
from models.conflicts import transaction
from worker.actor import actor
from worker.domains.affise_news import follow
from worker.domains.steps import claimed


@actor
def plan_affise_switch_request(request_id: str) -> None:
    """Find the offers that lead to a former domain, and change them at once or when a person agrees."""
    affise_course.look_again(UUID(request_id))
    found = affise_planning.look(UUID(request_id), claimed, platforms.affise())
    transaction(lambda: follow(affise_planning.keep(found)))


@actor
def apply_affise_switch_item(item_id: int) -> None:
    """Change one address of one offer, and prove it by reading the offer back."""
    tried = affise_applying.change(item_id, platforms.affise())
    transaction(lambda: follow(affise_applying.keep(tried)))
