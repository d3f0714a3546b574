"""Accounts as the books see them: finding one, holding one still, changing where its mail and money go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from models.ads import AccountKind, BlockState
from models.database import execute, fetch, is_postgres
from models.fields import bind


@dataclass(frozen=True, slots=True)
class Payee:
    """What the rules of payouts look at."""

    id: int
    login: str
    kind: AccountKind
    block_state: BlockState
    email: str | None
    min_payout: int
    currency: str
    payout_methods: tuple[str, ...]


_PAYEE = """
select id, login, kind, block_state, email, min_payout, currency, cast(payout_methods as text) from account
"""
_DEFAULT_METHODS = ("webmoney_z",)


class NoAccount(LookupError):
    """There is no account of this login."""

    def __init__(self) -> None:
        super().__init__("login: there is no such account")


def hold_still(login: str) -> Payee:
    """Lock the account by login until the transaction ends; raises NoAccount."""
    return _payee(fetch(_locking(_PAYEE + " where login = %s"), (login,)))


def hold_still_by_id(account_id: int) -> Payee:
    """Lock the account by key until the transaction ends; raises NoAccount."""
    return _payee(fetch(_locking(_PAYEE + " where id = %s"), (account_id,)))


def find(login: str) -> Payee:
    """The account of a login; raises NoAccount."""
    return _payee(fetch(_PAYEE + " where login = %s", (login,)))


def set_email(account_id: int, email: str) -> None:
    """Change where mail goes."""
    execute("update account set email = %s where id = %s", (email, account_id))


def set_payout_methods(account_id: int, methods: tuple[str, ...]) -> None:
    """Change the methods an account may be paid by."""
    execute("update account set payout_methods = %s where id = %s", (bind(list(methods)), account_id))


def _locking(select: str) -> str:
    # as exclusive as FOR UPDATE among those who move money, yet it lets rows that point at the account be inserted:
    # FOR UPDATE would stop them, and one that has written its audit row already would be waited for in a circle.
    # On SQLite the transaction has the only write lock anyway
    return f"{select} for no key update" if is_postgres() else select


def _payee(rows: list[tuple[Any, ...]]) -> Payee:
    if not rows:
        raise NoAccount
    number, login, kind, block, email, least, currency, methods = rows[0]
    chosen = tuple(orjson.loads(methods) or ()) if methods else ()
    return Payee(
        int(number), login, AccountKind(kind), BlockState(block), email, int(least), currency,
        chosen or _DEFAULT_METHODS,
    )  # fmt: skip
