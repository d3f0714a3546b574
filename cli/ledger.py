"""Commands about the ledger: balances, rows, the trial balance, corrections by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.desk import By, Reason, Role, checked, person
from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from models.ledger import Standing

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The ledger: balance, entries, trial, adjust.")
_BALANCE = ("login", "currency", "balance", "held", "available")
_ENTRY = ("id", "created_at", "kind", "book", "amount", "ref_day", "payout", "reason", "created_by")


@app.command()
def balance(
    login: Annotated[str, typer.Argument(help="One account; every publisher if left out.")] = "",
    after: Annotated[str, typer.Option(help="Go on after this login.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1000,
    as_json: Json = False,
) -> None:
    """What publishers have, what open payouts hold, what they may ask for.

    Examples:

      signalbox ledger balance

      signalbox ledger balance pub-1 --json
    """
    from cli.output import show
    from cli.session import database
    from core.ads import ledger as desk
    from models import ledger

    with database():
        rows = checked(lambda: [desk.standing(login)] if login else ledger.standings(after, limit))
    show(map(_standing, rows), schema="ledger.balance/1", as_json=as_json, title="Balances", columns=_BALANCE)


@app.command()
def entries(
    login: str,
    before: Annotated[int | None, typer.Option(min=1, help="Only rows older than this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    as_json: Json = False,
) -> None:
    """The rows of one account, newest first.

    Examples:

      signalbox ledger entries pub-1

      signalbox ledger entries pub-1 --limit 500 --json
    """
    from cli.output import show
    from cli.session import database
    from core.ads import ledger
    from models.fields import decimal_text

    with database():
        rows = checked(lambda: ledger.entries(login, before=before, limit=limit))
    records = [asdict(row) | {"amount": decimal_text(row.amount)} for row in rows]
    show(records, schema="ledger.entries/1", as_json=as_json, title="Ledger", columns=_ENTRY)


@app.command()
def trial(as_json: Json = False) -> None:
    """The trial balance: publishers on one side, the books of the network on the other; exit 6 unless it is zero.

    Examples:

      signalbox ledger trial

      signalbox ledger trial --json
    """
    from cli.output import show, show_json
    from cli.session import database
    from models import ledger
    from models.fields import decimal_text

    with database():
        sums = ledger.trial()
    records = [{"book": book, "amount": decimal_text(total)} for book, total in sums.items()]
    if as_json:
        show_json({"items": records, "total": decimal_text(sum(sums.values()))}, schema="ledger.trial/1")
    else:
        show([*records, {"book": "total", "amount": decimal_text(sum(sums.values()))}], schema="", as_json=False)
    if sum(sums.values()):
        raise CommandError("the books do not balance", hint="signalbox doctor --live", code=ExitCode.INTEGRITY)


# a negative amount must not be taken for an option
@app.command(context_settings={"ignore_unknown_options": True})
def adjust(
    login: str,
    amount: Annotated[str, typer.Argument(help="What to add; with a minus, what to take.")],
    reason: Reason,
    source_key: Annotated[str, typer.Option(help="A key of yours; the same key never books twice.")] = "",
    role: Role = None,
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Correct an account by hand: role finance, on record.

    Examples:

      signalbox ledger adjust pub-1 12.50 --reason "bonus of March" --role finance

      signalbox ledger adjust pub-1 -12.50 --reason "bonus taken back" --role finance --dry-run
    """
    from cli.output import show_json
    from cli.session import confirm, database
    from core.ads import ledger

    who = person(role, by)
    with database():
        value = checked(lambda: ledger.amount(amount))
        if not dry_run:
            confirm(f"adjust {login} by {amount}?", yes)
        key = f"hand:{source_key}" if source_key else None
        after = checked(lambda: ledger.adjust_by_hand(login, value, reason, who, key), dry_run=dry_run)
    record = _standing(after)
    if as_json:
        return show_json({**record, "changed": not dry_run}, schema="ledger.adjust/1")
    return print(f"{login}: balance {record['balance']} {record['currency']}{' (dry run)' if dry_run else ''}")


def _standing(row: Standing) -> dict[str, Any]:
    from models.fields import decimal_text

    return {
        "login": row.login, "currency": row.currency, "balance": decimal_text(row.balance),
        "held": decimal_text(row.holds), "available": decimal_text(row.available),
    }  # fmt: skip
