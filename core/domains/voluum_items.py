"""A campaign as an item of a step: what is stored of it, what it is called, what was seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.clock import now
from core.domains import platform_plan as plans
from core.domains.hosts import comparable
from models.changes import Item, Planned
from models.observations import Observation

SERVICE = "voluum"


def to_store(change: plans.Change, raw: dict[str, Any]) -> Planned:
    """A planned change with the whole object, as it is kept."""
    return Planned(
        object_type=change.object_type, object_id=change.object_id, field=change.field, before=change.before,
        after=change.after, whole=raw, updated_at=change.updated_at,
    )  # fmt: skip


def planned_change(item: Item) -> plans.Change:
    """The change as it was planned."""
    return plans.Change(
        item.object_type, item.object_id, title(item), item.field, item.before, item.after, item.updated_at
    )


def trouble(item: Item) -> str:
    """Why a campaign did not follow."""
    return f"{title(item)}: {item.last_error or item.state.value}"


def seen(item: Item, raw: dict[str, Any], pipeline_id: int | None) -> Iterator[Observation]:
    """What was read, as the drift check keeps it; another domain than ours says nothing about whose object it is."""
    shown = raw.get(item.field)
    if not isinstance(shown, str):
        return
    domain = comparable(shown)
    yield Observation(
        platform=SERVICE, object_type=item.object_type, object_id=item.object_id, field=item.field, domain=domain,
        seen_at=now(), pipeline_id=pipeline_id if domain == comparable(item.after) else None,
    )  # fmt: skip


def title(item: Item) -> str:
    """What people call the campaign."""
    name = item.whole.get("name")
    return name[:80] if isinstance(name, str) and name else item.object_id
