"""Campaigns and their offers as rows: finding them, and the changes of state that AdLoad's word brings about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from models import bulk, link_version
from models.ads import Campaign, CampaignStatus
from models.database import db, execute, fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as far as AdLoad is concerned; `outside_id` is what AdLoad calls it."""

    id: int
    outside_id: UUID
    title: str
    account: str
    manager: str
    status: str
    synced_at: datetime | None


_COLUMNS = "select id, adload_id, guid, title, account, manager, status, synced_at from campaign"
_BY_OUTSIDE_ID = (
    _COLUMNS + " where adload_id = %s or guid = %s order by case when adload_id = %s then 0 else 1 end, id limit 1"
)
_STOP = """
update campaign set status = 'stop', held_since = null, synced_at = coalesce({instant}, synced_at)
where id = %s and status {in:text}
"""
_HOLD = """
update campaign set status = 'hold', held_since = {instant}, synced_at = coalesce({instant}, synced_at)
where id = %s and status = 'working'
"""
_STOPPABLE = tuple(state for state, targets in Campaign.MOVES.items() if CampaignStatus.STOP in targets)
_SYNCED = "update campaign set synced_at = %s where id = %s and status = 'working'"
_RENAME = """
update campaign set title = %s, account = %s, manager = %s
where id = %s and (title <> %s or account <> %s or manager <> %s)
"""
_OFFERS = bulk.Rows("guid uuid, title text, active bool")
_REPLACE_OFFERS = """
update offer set title = v.title, active = v.active, updated_at = {instant} from {rows}
where offer.guid = v.guid and offer.campaign_id = %s and (offer.title <> v.title or offer.active <> v.active)
"""
_RETIRE_OFFERS = """
update offer set active = %s, updated_at = %s where campaign_id = %s and active = %s and not (guid {in:uuid})
"""
_OFFERS_OF = "select guid, title, active from offer where campaign_id = %s order by id"
_TITLE_LENGTH = 35


def get(campaign_id: int) -> CampaignRow | None:
    """A campaign by key."""
    return _row(fetch(_COLUMNS + " where id = %s", (campaign_id,)))


def find(outside_id: UUID) -> CampaignRow | None:
    """A campaign by what AdLoad calls it."""
    return _row(fetch(_BY_OUTSIDE_ID, (str(outside_id),) * 3))


def _row(rows: Sequence[tuple[Any, ...]]) -> CampaignRow | None:
    if not rows:
        return None
    return campaign_row(rows[0])


def campaign_row(values: tuple[Any, ...]) -> CampaignRow:
    """A campaign from its columns (id, adload_id, guid, title, account, manager, status, synced_at)."""
    key, adload_id, guid, title, account, manager, status, synced_at = values
    at = instant(synced_at) if synced_at is not None else None
    return CampaignRow(key, outside_id(adload_id, guid), title, account, manager, status, at)


def outside_id(adload_id: str | None, guid: object) -> UUID:
    """What AdLoad calls a campaign: the id it was imported under, or else our own."""
    try:
        return UUID(adload_id or "")
    except ValueError:
        return UUID(str(guid))


def offers(outside_id: UUID) -> list[tuple[UUID, str, bool]]:
    """(public id, title, active) of a campaign's offers."""
    campaign = find(outside_id)
    if campaign is None:
        return []
    rows = fetch(_OFFERS_OF, (campaign.id,))
    return [(UUID(str(guid)), title, bool(active)) for guid, title, active in rows]


def stop(campaign_id: int, *, states: Iterable[StrEnum] = _STOPPABLE, synced_at: datetime | None = None) -> bool:
    """Stop a campaign; False if it is in none of these states (any more). `synced_at` if AdLoad says so."""
    among = bulk.among(state.value for state in states)
    return _changed(_STOP, (synced_at and bind(synced_at), campaign_id, among))


def hold(campaign_id: int, at: datetime, *, synced_at: datetime | None = None) -> bool:
    """Put a working campaign on hold; False if it was not working any more. `synced_at` if AdLoad says so."""
    return _changed(_HOLD, (bind(at), synced_at and bind(synced_at), campaign_id))


def _changed(statement: str, params: Sequence[object]) -> bool:
    with db.atomic():
        changed = bulk.run(statement, params) == 1
        if changed:
            link_version.bump()
    return changed


def replace(
    campaign_id: int, names: tuple[str, str, str], listed: Iterable[tuple[UUID, str, bool]], at: datetime
) -> int | None:
    """Take over title, account, manager and offers (those not listed end); None if it was not working any more.

    Else how many rows were different.
    """
    with db.atomic():
        if not execute(_SYNCED, (bind(at), campaign_id)):
            return None
        different = execute(_RENAME, (*names, campaign_id, *names)) + replace_offers(campaign_id, listed, at)
        if different:
            link_version.bump()
    return different


def replace_offers(campaign_id: int, listed: Iterable[tuple[UUID, str, bool]], at: datetime) -> int:
    """Take over titles and which offers are active, in the caller's transaction; how many were different.

    Those that are not listed end.
    """
    rows = sorted((str(guid), title[:_TITLE_LENGTH], active) for guid, title, active in listed)
    changed = _OFFERS.run(_REPLACE_OFFERS, rows, before=(bind(at),), after=(campaign_id,))
    kept = bulk.among(row[0] for row in rows)
    return changed + bulk.run(_RETIRE_OFFERS, (False, bind(at), campaign_id, True, kept))


def synced_since(campaign_ids: Sequence[int], since: datetime) -> set[int]:
    """Those of the campaigns that were refreshed after an instant."""
    query = "select id from campaign where id {in:int} and synced_at > %s"
    return {int(row[0]) for row in bulk.read(query, (bulk.among(campaign_ids), bind(since)))}


def working(campaign_ids: Sequence[int]) -> set[int]:
    """Those of the campaigns that run here."""
    query = "select id from campaign where id {in:int} and status = 'working'"
    return {int(row[0]) for row in bulk.read(query, (bulk.among(campaign_ids),))}
