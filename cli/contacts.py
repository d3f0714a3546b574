"""Commands that change where an account's mail and money go; each cancels the account's open payout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.desk import By, Role, checked, messages, person
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from models.payouts import Payout


def register(app: typer.Typer) -> None:
    """Add the commands of this module to those about accounts."""
    app.command()(email)
    app.command()(methods)


def email(
    login: str,
    address: Annotated[str, typer.Argument(help="The new address; - reads it from standard input.")],
    role: Role = None,
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Change where an account's mail goes; its open payout is cancelled.

    Examples:

      signalbox accounts email pub-1 zoe@pub.example --role operator

      signalbox accounts email pub-1 - --role operator --yes < address
    """
    from worker.ads import payouts

    who = person(role, by)
    new = sys.stdin.readline().strip() if address == "-" else address
    _change("e-mail", login, lambda: payouts.change_email(login, new, who), dry_run, yes, as_json)


def methods(
    login: str,
    names: Annotated[list[str], typer.Argument(metavar="METHOD...", help="All the ways it may be paid by.")],
    role: Role = None,
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Change the ways an account may be paid by; its open payout is cancelled.

    Examples:

      signalbox accounts methods pub-1 webmoney_z card --role operator

      signalbox accounts methods pub-1 card_pb_us --role operator --dry-run
    """
    from worker.ads import payouts

    who = person(role, by)
    _change("payout methods", login, lambda: payouts.change_payout_methods(login, names, who), dry_run, yes, as_json)


def _change(
    what: str, login: str, work: Callable[[], Payout | None], dry_run: bool, yes: bool, as_json: bool
) -> None:  # fmt: skip
    from cli.output import show_json
    from cli.session import confirm

    with messages():
        if not dry_run:
            confirm(f"change the {what} of {login}? An open payout is cancelled", yes)
        cancelled = checked(work, dry_run=dry_run)
    payout = cancelled and cancelled.public_id
    if as_json:
        return show_json({"login": login, "cancelled": payout, "changed": not dry_run}, schema="accounts.change/1")
    ending = f", payout {payout} cancelled" if payout else ""
    return print(f"{'dry run, nothing was changed: ' if dry_run else ''}{what} of {login} changed{ending}")
