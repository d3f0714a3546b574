"""Edits of offers that Affise refused, and what the offers showed then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from models import bulk
from models.database import execute, fetch


@dataclass(frozen=True, slots=True)
class Refused:
    """An edit that the platform refused, and what the offer showed then."""

    offer_id: int
    field: str
    before: str
    after: str
    updated_at: str | None
    error: str

    @property
    def key(self) -> Sequence[object]:
        """The same edit of the same offer, unchanged since, has the same."""
        return self.offer_id, self.field, self.before, self.after, self.updated_at


# an edit of ours is no change of the offer that would make it worth while to try again what was refused
_BESIDE = """
update affise_switch_item set offer_updated_at = %s where status = 'failed' and not passing
    and (request_id, offer_id) = (select o.request_id, o.offer_id from affise_switch_item o where o.id = %s)
"""
_REFUSED = """
select i.offer_id, i.field, i.before, i.after, i.offer_updated_at, coalesce(i.last_error, '')
from affise_switch_item i join affise_switch_request r on r.id = i.request_id
join domain_switch s on s.id = r.switch_id join tracking_domain_pipeline l on l.id = s.pipeline_id
where {which} and i.status = 'failed' and not i.passing and r.undo_of is null and i.id = (
    select max(o.id) from affise_switch_item o join affise_switch_request w on w.id = o.request_id
    where w.switch_id = r.switch_id and o.offer_id = i.offer_id and o.field = i.field)
order by i.id
"""
_REFUSED_OF = _REFUSED.replace("{which}", "r.switch_id = %s")
_REFUSED_LATELY = _REFUSED.replace("{which}", "s.seq = l.switch_seq and l.id {in:int}")
_CARRY = """
update affise_switch_item set status = 'failed', last_error = %s, attempts = 1
where request_id = %s and offer_id = %s and field = %s and status = 'planned'
"""


def still(item_id: int, updated_at: str) -> None:
    """An item was written, so that its offer says that it was edited then: what was refused of it stays refused."""
    execute(_BESIDE, (updated_at, item_id))


def of(switch_id: int) -> list[Refused]:
    """What the platform refused because of a switch when it was tried last."""
    return [Refused(*values) for values in fetch(_REFUSED_OF, (switch_id,))]


def lately(pipeline_ids: Iterable[int]) -> list[Refused]:
    """The same for the newest switches of these pipelines."""
    return [Refused(*values) for values in bulk.read(_REFUSED_LATELY, (bulk.among(pipeline_ids),))]


def carry(request_id: UUID, before: Iterable[Refused]) -> None:
    """Let these items of a request be refused as they were before, without a try."""
    for one in before:
        execute(_CARRY, (one.error, str(request_id), one.offer_id, one.field))
