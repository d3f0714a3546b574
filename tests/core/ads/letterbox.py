"""Payouts to write to people about, made as rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from config.clock import now
from config.ids import new_id
from core.ads import sealing
from models.ads import Account
from models.database import execute, fetch
from models.fields import bind
from tests.conftest import SettingsEnv

DATA_KEYS = "1:" + bytes(range(1, 33)).hex()
CARD = {"number": "4111111111111234", "holder": "ZOE PUB", "expiry": "12/29"}


def prepare(settings_env: SettingsEnv, smtp_url: str = "") -> None:
    """Keys, the server, and our own addresses."""
    settings_env(
        DATA_KEYS=DATA_KEYS, SMTP_URL=smtp_url, MAIL_FROM="Signalbox <noreply@signalbox.example>",
        WEB_URL="https://box.example/",
    )  # fmt: skip


def account(**more: Any) -> Account:
    values = {"kind": "user", "currency": "USD", "email": "zoe@pub.example", "created_at": now()}
    return Account.create(guid=new_id(), **({"login": f"pub-{new_id().hex[-8:]}"} | values | more))


def payout(owner: Account | None = None, **more: Any) -> UUID:
    """A payout of 120.50 to a card that waits for its confirmation; its public id."""
    owner = owner or account()
    public_id = new_id()
    values = {
        "public_id": public_id, "account_id": owner.id, "amount": 120_500_000, "currency": "USD", "method": "card",
        "details_enc": sealing.seal(orjson.dumps(CARD).decode()), "state": "pending_confirmation",
        "confirm_expires_at": now() + timedelta(hours=72), "created_at": now(),
    } | more  # fmt: skip
    marks = ", ".join(["%s"] * len(values))
    execute(f"insert into payout_request ({', '.join(values)}) values ({marks})", [bind(v) for v in values.values()])
    return public_id


def become(public_id: UUID, **changes: Any) -> None:
    """Change a payout behind everybody's back."""
    setting = ", ".join(f"{name} = %s" for name in changes)
    values = [*(bind(value) for value in changes.values()), str(public_id)]
    execute(f"update payout_request set {setting} where public_id = %s", values)


def state_of(template: str, public_id: UUID) -> tuple[str, int, str | None] | None:
    """(state, attempts, failure) of a mail."""
    rows = fetch("select state, attempts, failure from mail where key = %s", (f"{template}:{public_id}",))
    return (str(rows[0][0]), int(rows[0][1]), rows[0][2]) if rows else None


def die(*_: object) -> None:
    """What a killed process does next."""
    raise SystemExit
