"""Publishers with money, people who pay them, and what the books say."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from config.clock import now, today
from core.ads import payouts
from core.ads.payouts import Created, Wish
from core.ads.persons import Person, Role
from models import invariants_money, ledger
from models.ads import Account
from models.audit import page
from models.database import fetch, is_postgres
from models.envelope import decode
from models.ledger import EntryKind, Line
from models.payouts import Payout
from tests.conftest import SettingsEnv
from tests.core.ads import letterbox

UNIT = 1_000_000
ANNA = Person("anna", Role.OPERATOR)
FRED = Person("fred", Role.FINANCE)
PURSE = {"wmid": "123456789012", "purse": "Z123456789012", "phone": "+380441234567"}
CARD = {
    "number": "4111 1111 1111 1234", "holder": "ZOE PUB", "expiry": "12/99", "bank": "First", "bank_code": "305299",
    "company_code": "14360570", "transit_account": "29244825509100", "type": "visa", "currency": "USD",
    "phone": "+380441234567",
}  # fmt: skip


def prepare(settings_env: SettingsEnv, **more: str) -> None:
    """Keys to seal with; where there is no embedded queue, a broker that is never there, for the outbox needs none."""
    broker = {"RABBITMQ_URL": "amqp://127.0.0.1:1/"} if is_postgres() else {}
    settings_env(DATA_KEYS=letterbox.DATA_KEYS, **broker, **more)


def publisher(balance: int = 500 * UNIT, **more: Any) -> Account:
    """An account that has earned this much."""
    account = letterbox.account(**more)
    if balance:
        earn(account, balance)
    return account


def earn(account: Account, amount: int) -> None:
    """What the recount of a day writes; each call is about another day."""
    earlier = fetch("select count(*) from ledger_entry where account_id = %s and kind = 'earning_day'", (account.id,))
    day = today().fromordinal(700_000 + int(earlier[0][0]))
    key = f"earning_day:{account.id}:{day}"
    ledger.add([Line(account.id, EntryKind.EARNING_DAY, amount, key, "aggregate_stats", ref_day=day)], now())


def wish(account: Account, amount: int = 120 * UNIT, **more: Any) -> Wish:
    """A wish that nothing is wrong with."""
    values = {"currency": account.currency, "fields": PURSE}
    return Wish(account.login, amount, **(values | more))


def owner(account: Account) -> Person:
    """The publisher at the keyboard."""
    return Person(account.login, ip="203.0.113.7")


def request(account: Account, amount: int = 120 * UNIT, **more: Any) -> Created:
    """A request as its owner makes it."""
    return payouts.create(wish(account, amount, **more), owner(account))


def reached(account: Account, state: str, amount: int = 120 * UNIT, **more: Any) -> Payout:
    """A request that has come as far as this."""
    created = request(account, amount, **more)
    if state in ("confirmed", "agreed", "paid"):
        payouts.confirm(created.token, None)
    if state in ("agreed", "paid"):
        payouts.agree(created.public_id, ANNA)
    if state == "paid":
        payouts.pay(created.public_id, "ref-1", FRED)
    if state == "cancelled":
        payouts.cancel(created.public_id, owner(account))
    if state == "declined":
        payouts.confirm(created.token, None)
        payouts.decline(created.public_id, "fraud", ANNA)
    return payouts.get(created.public_id)


def money(account: Account) -> tuple[int, int]:
    """(balance, what is held) in whole units."""
    standing = ledger.standing(account.id)
    return standing.balance // UNIT, standing.holds // UNIT


def everything() -> tuple[Any, ...]:
    """All rows that a step of a payout may write."""
    payout = "select id, state, version, reason, confirm_token_hash, external_ref, details_enc from payout_request"
    return (
        fetch(f"{payout} order by id"),
        fetch("select id, kind, amount, source_key from ledger_entry order by id"),
        fetch("select id, action, object from audit_log order by id"),
        waiting(),
        fetch("select login, email, cast(payout_methods as text) from account order by id"),
    )


def waiting() -> list[dict[str, Any]]:
    """The messages that wait, as task and arguments."""
    tables = ["outbox"] if is_postgres() else ["outbox", "queue_message"]
    bodies = [bytes(row[0]) for table in tables for row in fetch(f"select body from {table} order by id")]
    return [{"task": (message := decode(body))["actor_name"], **_arguments(message)} for body in bodies]


def _arguments(message: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(("template", "request_id", "sealed_token"), message["args"], strict=False)), **message["kwargs"]}


def broken() -> dict[str, Any]:
    """Violations of the invariants of ledger, payouts and audit log."""
    found = {check.name: check.find(today().fromordinal(1)) for check in invariants_money.CHECKS}
    return {name: rows for name, rows in found.items() if rows}


def actions(public_id: UUID) -> list[str]:
    """What the audit log says was done, oldest first."""
    return [row.action for row in reversed(page(object=f"payout:{public_id}"))]
