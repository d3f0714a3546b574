"""Campaigns and their offers as rows: finding them, and the changes of state that AdLoad's word brings about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import bulk, link_version
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


_COLUMNS = (
    "select id, coalesce(adload_id, cast(guid as text)), title, account, manager, status, synced_at from campaign"
)
_BY_OUTSIDE_ID = (
    _COLUMNS + " where adload_id = %s or (adload_id is null and cast(guid as text) = %s) order by id limit 1"
)
_STOP = "update campaign set status = 'stop', synced_at = %s where id = %s and status = 'working'"
_HOLD = "update campaign set status = 'hold', held_since = %s, synced_at = %s where id = %s and status = 'working'"
_REPLACE = """
update campaign set title = %s, account = %s, manager = %s, synced_at = %s where id = %s and status = 'working'
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
    return _row(fetch(_BY_OUTSIDE_ID, (str(outside_id), str(outside_id))))


def _row(rows: Sequence[tuple[object, ...]]) -> CampaignRow | None:
    if not rows:
        return None
    key, outside_id, title, account, manager, status, synced_at = rows[0]
    at = instant(synced_at) if isinstance(synced_at, (str, datetime)) else None
    return CampaignRow(
        int(str(key)), UUID(str(outside_id)), str(title), str(account), str(manager), str(status), at
    )  # fmt: skip


def offers(outside_id: UUID) -> list[tuple[UUID, str, bool]]:
    """(public id, title, active) of a campaign's offers."""
    campaign = find(outside_id)
    if campaign is None:
        return []
    rows = fetch(_OFFERS_OF, (campaign.id,))
    return [(UUID(str(guid)), title, bool(active)) for guid, title, active in rows]


def stop(campaign_id: int, at: datetime) -> bool:
    """Stop a working campaign; False if it was not working any more."""
    return _changed(_STOP, (bind(at), campaign_id))


def hold(campaign_id: int, at: datetime) -> bool:
    """Put a working campaign on hold; False if it was not working any more."""
    return _changed(_HOLD, (bind(at), bind(at), campaign_id))


def _changed(statement: str, params: Sequence[object]) -> bool:
    with db.atomic():
        changed = execute(statement, params) == 1
        if changed:
            link_version.bump()
    return changed


def replace(
    campaign_id: int, names: tuple[str, str, str], listed: Iterable[tuple[UUID, str, bool]], at: datetime
) -> bool:
    """Take over title, account, manager and offers (those not listed end); False if it was not working any more."""
    rows = sorted((str(guid), title[:_TITLE_LENGTH], active) for guid, title, active in listed)
    with db.atomic():
        changed = execute(_REPLACE, (*names, bind(at), campaign_id)) == 1
        if changed:
            _OFFERS.run(_REPLACE_OFFERS, rows, before=(bind(at),), after=(campaign_id,))
            kept = bulk.among(row[0] for row in rows)
            bulk.run(_RETIRE_OFFERS, (False, bind(at), campaign_id, True, kept))
            link_version.bump()
    return changed


def synced_since(campaign_ids: Sequence[int], since: datetime) -> set[int]:
    """Those of the campaigns that were refreshed after an instant."""
    query = "select id from campaign where id {in:int} and synced_at > %s"
    return {int(row[0]) for row in bulk.read(query, (bulk.among(campaign_ids), bind(since)))}


def working(campaign_ids: Sequence[int]) -> set[int]:
    """Those of the campaigns that run here."""
    query = "select id from campaign where id {in:int} and status = 'working'"
    return {int(row[0]) for row in bulk.read(query, (bulk.among(campaign_ids),))}
