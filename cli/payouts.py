"""Commands that look at payouts: the list, one of them, where its money goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cli import payout_steps
from cli.desk import By, Reason, Role, checked, person
from cli.session import Json

if TYPE_CHECKING:
    from core.ads.payout_views import Progress
    from models.payouts import Payout

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Payouts: list, show, agree, pay, decline.")
payout_steps.register(app)
_COLUMNS = ("public_id", "login", "amount", "currency", "method", "state", "hours_left", "created_at")
_HIDDEN = ("id", "account_id", "details_enc", "confirm_token_hash", "protection_code_enc")


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="Only this state, such as confirmed.")] = "",
    account: Annotated[str, typer.Option(help="Only this login, with how far it is from its next payout.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Payouts, newest first, with how many stand in each state and the hours left to confirm.

    Examples:

      signalbox payouts list --state confirmed

      signalbox payouts list --account pub-1 --json
    """
    from cli.output import show, show_json
    from cli.session import reading
    from core.ads import payout_views
    from models import payouts

    with reading():
        progress = _progress(checked(lambda: payout_views.progress(account))) if account else None
        rows = payouts.page(state=_state(state), login=account, limit=limit)
        funnel = payouts.funnel()
    records = [_record(row) for row in rows]
    counts = {state.value: {"payouts": count, "amount": _money(total)} for state, (count, total) in funnel.items()}
    if as_json:
        return show_json({"funnel": counts, "progress": progress, "items": records}, schema="payouts.list/1")
    _tell(counts, progress)
    return show(records, schema="", as_json=False, title="Payouts", columns=_COLUMNS)


@app.command("show")
def show_(payout: UUID, as_json: Json = False) -> None:
    """One payout: what it is, where the money goes (masked), and who did what with it.

    Examples:

      signalbox payouts show 0197a3c4-7c00-7000-8000-000000000001

      signalbox payouts show 0197a3c4-7c00-7000-8000-000000000001 --json
    """
    from cli.output import say, show, show_json
    from cli.session import reading
    from core.ads import payout_views, payouts

    with reading():
        found = checked(lambda: payouts.get(payout))
        record = _record(found) | {"destination": payout_views.destination(found)}
        history = [
            {"at": row.at, "action": row.action, "by": row.actor, "reason": row.reason, "audit_row": row.id}
            for row in payout_views.history(found)
        ]
    if as_json:
        return show_json({**record, "history": history}, schema="payouts.show/1")
    show([{"field": name, "value": value} for name, value in record.items()], schema="", as_json=False)
    for step in history:
        say(f"{step['at']:%Y-%m-%d %H:%M:%SZ}  {step['action']} by {step['by']}  {step['reason']}".rstrip())
    return None


@app.command()
def details(
    payout: UUID,
    reason: Reason,
    code: Annotated[bool, typer.Option("--code", help="The protection code instead; it is shown once only.")] = False,
    role: Role = None,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Where the money goes, in the clear; that you looked is recorded first.

    Examples:

      signalbox payouts details 0197a3c4-7c00-7000-8000-000000000001 --role finance --reason "to pay it"

      signalbox payouts details 0197a3c4-7c00-7000-8000-000000000001 --code --role operator --reason "asked by phone"
    """
    from cli.output import show, show_json
    from cli.session import database
    from core.ads import payout_views

    who = person(role, by)
    with database():
        found = checked(
            lambda: (
                {"protection_code": payout_views.reveal_code(payout, reason, who)}
                if code
                else payout_views.reveal(payout, reason, who)
            )
        )
    if as_json:
        return show_json({"payout": payout, "details": found}, schema="payouts.details/1")
    return show([{"field": name, "value": value} for name, value in found.items()], schema="", as_json=False)


def _state(text: str) -> str:
    from cli.errors import CommandError, ExitCode
    from models.payouts import PayoutState

    if text and text not in set(PayoutState):
        known = ", ".join(PayoutState)
        raise CommandError(f"{text!r} is no state of a payout", hint=f"one of {known}", code=ExitCode.USAGE)
    return text


def _record(payout: Payout) -> dict[str, Any]:
    from config.clock import now
    from core.ads.payout_views import hours_left

    shown = {name: value for name, value in asdict(payout).items() if name not in _HIDDEN}
    return shown | {"amount": _money(payout.amount), "hours_left": hours_left(payout, now())}


def _progress(found: Progress) -> dict[str, Any]:
    account = found.standing
    return {
        "login": account.login, "currency": account.currency, "balance": _money(account.balance),
        "held": _money(account.holds), "available": _money(account.available), "least": _money(found.least),
        "percent_of_least": min(100, 100 * account.available // found.least) if found.least else 100,
        "open": found.open and str(found.open.public_id),
    }  # fmt: skip


def _tell(funnel: dict[str, dict[str, Any]], progress: dict[str, Any] | None) -> None:
    from cli.output import say

    say("  ".join(f"{state}: {numbers['payouts']} ({numbers['amount']})" for state, numbers in funnel.items()))
    if progress:
        say("{login}: {available} {currency} available, {held} held; least payout {least}, {percent_of_least} % of it "
            "reached".format(**progress))  # fmt: skip


def _money(amount: int) -> str:
    from models.fields import decimal_text

    return decimal_text(amount)
