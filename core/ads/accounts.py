"""Where an account's mail and money go; a change ends its open request, because somebody else may have asked for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from core.ads import payout_methods, payouts
from core.ads.ledger import Refused
from core.ads.payout_rules import require_owner_or_staff
from core.ads.persons import Person
from models import accounts, audit
from models.accounts import Payee
from models.database import db
from models.payouts import Payout

EMAIL_LENGTH = 254
CHANGED = "contact_changed"
_EMAIL = re.compile(r"[^\s@<>,;:\"'()]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9-]{2,}")


def change_email(login: str, email: str, by: Person) -> Payout | None:
    """Change where mail goes; the request this cancelled. Raises Refused, Forbidden, NoAccount."""
    new = _address(email)

    def change(account: Payee) -> None:
        _record("account.change_email", account, by, _hidden(account.email), _hidden(new))
        accounts.set_email(account.id, new)

    return _changed(login, by, lambda account: account.email != new, change)


def change_payout_methods(login: str, methods: Sequence[str], by: Person) -> Payout | None:
    """Change the ways an account may be paid by; the request this cancelled. Raises BadDetails as `change_email`."""
    new = tuple(dict.fromkeys(payout_methods.find(method).name for method in methods))
    if not new:
        raise Refused(f"methods: name at least one of {', '.join(payout_methods.METHODS)}")

    def change(account: Payee) -> None:
        _record("account.change_payout_methods", account, by, ", ".join(account.payout_methods), ", ".join(new))
        accounts.set_payout_methods(account.id, new)

    return _changed(login, by, lambda account: account.payout_methods != new, change)


def _changed(
    login: str, by: Person, differs: Callable[[Payee], bool], change: Callable[[Payee], None]
) -> Payout | None:
    require_owner_or_staff(by, login)
    with db.atomic():
        account = accounts.hold_still(login)
        if not differs(account):
            return None
        change(account)
        return payouts.cancel_open(account.id, by, CHANGED)


def _address(text: str) -> str:
    plain = text.strip()
    if len(plain) > EMAIL_LENGTH or not plain.isprintable() or not _EMAIL.fullmatch(plain):
        raise Refused("email: write one address such as name@example.com")
    return plain


def _hidden(email: str | None) -> str:
    """An address that its owner recognises and nobody else can write to."""
    name, _, host = (email or "").partition("@")
    return f"{name[:1]}…@{host}" if host else ""


def _record(action: str, account: Payee, by: Person, old: str, new: str) -> None:
    audit.record(
        actor_kind=by.kind, actor=by.name, action=action, object=f"account:{account.id}", before={"value": old},
        after={"value": new}, ip=by.ip, request_id=by.request_id,
    )  # fmt: skip
