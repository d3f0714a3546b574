"""What entries of the blacklist have done lately: refused clicks, of how many visitors, on whose informers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models.database import fetch, is_postgres
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Effect:
    """An entry with the clicks that its network was refused since a day; without cookies visitors are not counted."""

    net: str
    visitor_id: str
    source: str
    reason_code: str
    hits: int
    refused: int
    visitors: int
    accounts: int
    first_listed_at: datetime
    last_violation_at: datetime
    expires_at: datetime | None
    note: str
    created_by: str


# the refusal names the entry that caused it, so wide networks need no search by address
_EFFECTS = """
select b.net, b.visitor_id, b.source, b.reason_code, b.hits, coalesce(r.refused, 0), coalesce(r.visitors, 0),
    coalesce(r.accounts, 0), b.first_listed_at, b.last_violation_at, b.expires_at, b.note, b.created_by
from (select * from ip_blacklist where (%s or source = %s) order by hits desc, id limit %s) as b
left join (
    select <entry> as net, count(*) as refused, count(distinct nullif(k.visitor_id, '')) as visitors,
        count(distinct i.account_id) as accounts
    from click_rejected k left join informer i on i.id = k.informer_id
    where k.click_day >= %s and k.reason_code = 'blacklisted' group by 1
) as r on r.net = cast(b.net as text)
order by b.hits desc, b.id
"""
_POSTGRES = _EFFECTS.replace("<entry>", "k.detail ->> 'measured'")
_SQLITE = _EFFECTS.replace("<entry>", "json_extract(k.detail, '$.measured')")


def effects(since: date, *, source: str | None, limit: int) -> list[Effect]:
    """The entries that refused most, of one source only if given."""
    statement = _POSTGRES if is_postgres() else _SQLITE
    return [_effect(row) for row in fetch(statement, (source is None, source or "", limit, bind(since)))]


def _effect(row: tuple[Any, ...]) -> Effect:
    net, visitor, source, reason, hits, refused, visitors, accounts, first, last, expires, note, by = row
    ends = None if expires is None else instant(expires)
    counts = (int(hits), int(refused), int(visitors), int(accounts))
    return Effect(str(net), visitor, source, reason, *counts, instant(first), instant(last), ends, note, by)
