"""Edits that Affise refused: not tried again before the offer, the target or a person's mind has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.domains.affise_changes import row
from core.domains.platform_plan import Change
from models import affise_refusals as rows
from models.affise_refusals import Refused
from models.affise_requests import Request

SYSTEM = "system"


def among(request: Request, changes: Iterable[Change]) -> tuple[list[Change], list[Refused]]:
    """Of what is to be changed for a switch: what may be tried, and what was refused just so."""
    known = {one.key: one for one in rows.of(request.switch_id)}
    keyed = [(change, known.get(_key(change))) for change in changes]
    return [change for change, found in keyed if found is None], [found for _, found in keyed if found]


def asked_for_by_a_person(request: Request) -> bool:
    """Whether a person wants everything to be tried, also what was refused before."""
    return request.created_by != SYSTEM


def fields(
    pipeline_ids: Iterable[int], shown: Mapping[tuple[str, str], tuple[str, str | None]]
) -> set[tuple[str, str]]:  # fmt: skip
    """(offer, field) of what newest switches were refused and what the offers show as they did then."""
    return {
        key for one in rows.lately(pipeline_ids)
        if shown.get(key := (str(one.offer_id), one.field)) == (one.before, one.updated_at)
    }  # fmt: skip


def _key(change: Change) -> Sequence[object]:
    offer_id, _, *rest = row(change)
    return (offer_id, *rest)
