"""Commands about accounts: list, show, erase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import contacts
from cli.desk import By, Reason, Role, checked, person
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from models.persons import Overview

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Accounts: list, show, erase.")


@app.command("list")
def list_(
    after: Annotated[str, typer.Option(help="Only logins beyond this one, to read on.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Json = False,
) -> None:
    """Accounts by login, with their balances; e-mail addresses are masked.

    Examples:

      signalbox accounts list

      signalbox accounts list --after gazette --limit 1000 --json
    """
    from cli.output import show as print_records
    from cli.session import database
    from models import persons

    with database():
        rows = persons.listed(after=after, limit=limit)
    print_records(map(_record, rows), schema="accounts.list/1", as_json=as_json, title="Accounts")


@app.command()
def show(account: Annotated[str, typer.Argument(help="Login or public id.")], as_json: Json = False) -> None:
    """One account with its informers.

    Examples:

      signalbox accounts show gazette

      signalbox accounts show 0197a3c4-7c00-7000-8000-000000000001 --json
    """
    from cli.output import cell, show_json
    from cli.session import database
    from core.ads import erasure
    from models import persons

    with database():
        found = checked(lambda: erasure.find(account))
        informers = [{"id": key, "title": title, "host": host} for key, title, host in persons.informers(found.login)]
    record = _record(found)
    if as_json:
        return show_json({**record, "informers": informers}, schema="accounts.show/1")
    for name, value in record.items():
        print(f"{name}\t{cell(value)}")
    for informer in informers:
        print(f"informer\t{informer['id']}\t{informer['host']}\t{cell(informer['title'])}")
    return None


@app.command()
def erase(
    account: Annotated[str, typer.Argument(help="Login or public id.")],
    reason: Reason,
    role: Role = None,
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take the person out of an account for good: login, e-mail, payout details. Money and statistics stay.

    Examples:

      signalbox accounts erase gazette --role operator --reason "asked for it on 2 May" --dry-run

      signalbox accounts erase gazette --role operator --reason "asked for it on 2 May" --yes
    """
    from cli.output import say, show_json
    from cli.session import confirm, database
    from core.ads import erasure

    with database():
        found = checked(lambda: erasure.find(account))
        if found.balance:
            say(f"warning: the balance of {_money(found)} stays in the books; nobody is left to be paid")
        if not dry_run:
            confirm(f"erase the person behind {found.login} for good?", yes)
        acting = person(role, by)
        result = checked(lambda: erasure.erase(account, reason, acting), dry_run=dry_run)
    facts = {"account": str(found.guid), "result": result.value, "done": not dry_run}
    if as_json:
        return show_json(facts, schema="accounts.erase/1")
    return print(f"{found.guid}: {'would be ' if dry_run else ''}{result.value}")


# behind the three above, as --help shows them
contacts.register(app)


def _record(row: Overview) -> dict[str, Any]:
    return {
        "login": row.login,
        "id": str(row.guid),
        "kind": row.kind,
        "block_state": row.block_state,
        "balance": _money(row),
        "email": _masked(row.email),
        "created_at": row.created_at,
    }


def _money(row: Overview) -> str:
    from models.fields import decimal_text

    return f"{decimal_text(row.balance)} {row.currency}"


def _masked(email: str | None) -> str | None:
    name, _, host = (email or "").partition("@")
    return f"{name[:1]}…@{host}" if host else None
