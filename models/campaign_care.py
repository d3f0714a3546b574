"""What keeps campaigns in order: those held too long end, offers of ended ones are retired and come back with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from models import bulk, link_version
from models.campaigns import CampaignRow, campaign_row, replace_offers
from models.database import db, execute, fetch, is_postgres
from models.fields import bind

REMEMBERED = "_retired_offers"
"""In the settings of an ended campaign: the ids of the offers that were active when it ended."""
BATCH = 500

_COLUMNS = "id, adload_id, guid, title, account, manager, status, synced_at"
_WORKING = "select <columns> from campaign where status = 'working' order by id".replace("<columns>", _COLUMNS)
_IDLE = """
select id from campaign where status = 'working'
    and not exists (select 1 from offer where offer.campaign_id = campaign.id and offer.active) order by id
"""
_START_WAITING = "update campaign set held_since = %s where status = 'hold' and held_since is null"
_HELD = "select id from campaign where status = 'hold' and held_since <= %s order by id limit %s"
_END = """
update campaign set status = 'stop', held_since = null where status = 'hold' and id {in:int} returning <columns>
""".replace("<columns>", _COLUMNS)
_ORPHANED = """
select distinct c.id from offer o join campaign c on c.id = o.campaign_id
where o.active and c.status = 'stop' order by c.id limit %s
"""
_IN_ORDER = "select id from campaign where id {in:int} order by id"
_REMEMBER_POSTGRES = """
update campaign set settings = jsonb_set(settings, array['_retired_offers'],
    (select coalesce(jsonb_agg(kept.id order by kept.id), '[]') from (
        select cast(cast(value as text) as bigint) as id
        from jsonb_array_elements(coalesce(settings -> '_retired_offers', '[]'))
        union select offer.id from offer where offer.campaign_id = campaign.id and offer.active) as kept))
where id {in:int}
"""
_REMEMBER_SQLITE = """
update campaign set settings = json_set(settings, '$._retired_offers', json((
    select json_group_array(kept.id) from (
        select value as id from json_each(campaign.settings, '$._retired_offers')
        union select offer.id from offer where offer.campaign_id = campaign.id and offer.active order by 1) as kept)))
where id {in:int}
"""
_RETIRE = "update offer set active = %s, updated_at = %s where active and campaign_id {in:int}"
_RETIRE_LOST = """
update offer set active = %s, updated_at = %s
where active and not exists (select 1 from campaign where campaign.id = offer.campaign_id)
"""
_SETTINGS = "select settings from campaign where id = %s and status in ('hold', 'stop')"
_RESTART = """
update campaign set status = 'working', held_since = null, synced_at = %s, settings = %s where id = %s
"""
_RETURN_OFFERS = "update offer set active = %s, updated_at = %s where campaign_id = %s and not active and id {in:int}"
_ACTIVE = "select count(*) from offer where campaign_id = %s and active"


class NothingToShow(Exception):
    """The campaign has no active offer, so there is nothing to advertise."""


def all_working() -> list[CampaignRow]:
    """Every campaign that runs here."""
    return [campaign_row(row) for row in fetch(_WORKING)]


def working_without_offers() -> list[int]:
    """Campaigns that run here and have nothing to show."""
    return [int(row[0]) for row in fetch(_IDLE)]


def end_held(before: datetime, at: datetime) -> list[CampaignRow]:
    """Stop up to 500 campaigns that are on hold since `before`, in the caller's transaction; what they are now."""
    execute(_START_WAITING, (bind(at),))
    found = [int(row[0]) for row in fetch(_HELD + _locking(), (bind(before), BATCH))]
    if not found:
        return []
    ended = [campaign_row(row) for row in bulk.read(_END, (bulk.among(found),))]
    retire_offers([campaign.id for campaign in ended], at)
    link_version.bump()
    return sorted(ended, key=lambda campaign: campaign.id)


def orphaned() -> list[int]:
    """Up to 500 ended campaigns that still have active offers."""
    return [int(row[0]) for row in fetch(_ORPHANED, (BATCH,))]


def retire_offers(campaign_ids: Sequence[int], at: datetime) -> int:
    """Deactivate the offers of ended campaigns, which remember them for a restart; how many."""
    ids = bulk.among(sorted(campaign_ids))
    with db.atomic():
        bulk.read(_IN_ORDER + _locking(), (ids,))
        bulk.run(_REMEMBER_POSTGRES if is_postgres() else _REMEMBER_SQLITE, (ids,))
        retired = bulk.run(_RETIRE, (False, bind(at), ids))
        if retired:
            link_version.bump()
    return retired


def retire_lost(at: datetime) -> int:
    """Deactivate offers whose campaign does not exist; how many."""
    with db.atomic():
        retired = execute(_RETIRE_LOST, (False, bind(at)))
        if retired:
            link_version.bump()
    return retired


def restart(campaign_id: int, at: datetime, listed: Iterable[tuple[UUID, str, bool]] | None) -> bool:
    """Let an ended or held campaign work again; False if it is neither.

    Its offers become what AdLoad has `listed`; without a list those come back that were active when it ended. Raises
    NothingToShow, changing nothing, when that leaves none active.
    """
    with db.atomic():
        rows = fetch(_SETTINGS + _locking(), (campaign_id,))
        if not rows:
            return False
        settings = _document(rows[0][0])
        remembered = settings.pop(REMEMBERED, [])
        if listed is None:
            bulk.run(_RETURN_OFFERS, (True, bind(at), campaign_id, bulk.among(remembered)))
        else:
            replace_offers(campaign_id, listed, at)
        if not fetch(_ACTIVE, (campaign_id,))[0][0]:
            raise NothingToShow(f"campaign {campaign_id} has no active offer")
        execute(_RESTART, (bind(at), bind(settings), campaign_id))
        link_version.bump()
    return True


def _document(value: Any) -> dict[str, Any]:
    found = orjson.loads(value) if isinstance(value, str) else value
    return dict(found) if isinstance(found, dict) else {}


def _locking() -> str:
    return " for update" if is_postgres() else ""
