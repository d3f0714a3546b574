"""Accounts as people see them: listing, showing, and taking the person out of one while its numbers stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.database import execute, fetch
from models.fields import instant


@dataclass(frozen=True, slots=True)
class Overview:
    """An account in a list; the balance is in micro-units."""

    id: int
    login: str
    guid: UUID
    kind: str
    block_state: str
    currency: str
    balance: int
    email: str | None
    created_at: datetime


_LIST = """
select a.id, a.login, a.guid, a.kind, a.block_state, a.currency,
    (select coalesce(sum(e.amount), 0) from ledger_entry e where e.account_id = a.id), a.email, a.created_at
from account a where a.login > %s and (%s = '' or a.login = %s or cast(a.guid as text) = %s) order by a.login limit %s
"""
_INFORMERS = """
select i.id, i.title, s.host from informer i join site s on s.id = i.site_id join account a on a.id = i.account_id
where a.login = %s order by i.id limit %s
"""
_ACCOUNT = "update account set login = %s, email = null, payout_methods = null where id = %s"
_REQUESTS = """
update payout_request set details_enc = null, protection_code_enc = null, comment = '', ip = null,
    decided_by = case when decided_by = %s then %s else decided_by end
where account_id = %s
"""
_LEDGER = "update ledger_entry set created_by = %s where account_id = %s and created_by = %s"


def listed(*, name: str = "", after: str = "", limit: int = 100) -> list[Overview]:
    """Accounts by login, beginning beyond `after`; `name` is one account's login or public id."""
    return [_overview(row) for row in fetch(_LIST, (after, name, name, name.lower(), limit))]


def informers(login: str, limit: int = 1000) -> list[tuple[int, str, str]]:
    """(id, title, host) of an account's informers."""
    return [(int(number), title, host) for number, title, host in fetch(_INFORMERS, (login, limit))]


def forget(account_id: int, login: str, pseudonym: str) -> None:
    """Replace the person by a pseudonym wherever the account's own rows name it; amounts, days and states stay."""
    execute(_ACCOUNT, (pseudonym, account_id))
    execute(_REQUESTS, (login, pseudonym, account_id))
    execute(_LEDGER, (pseudonym, account_id, login))


def _overview(row: tuple[Any, ...]) -> Overview:
    number, login, guid, kind, block_state, currency, balance, email, created_at = row
    return Overview(
        int(number), login, UUID(str(guid)), kind, block_state, currency, int(balance), email, instant(created_at)
    )  # fmt: skip
