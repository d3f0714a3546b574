"""The command that takes back what was earned by fraud."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from core.ads.invalidation import Plan
    from models.invalidation import Choice, Part

Informer = Annotated[int | None, typer.Option(help="Only what this informer id earned.")]
Account = Annotated[str | None, typer.Option(help="What all informers of this publisher earned, by login.")]
First = Annotated[str, typer.Option("--from", help="First day of the reports, as 2026-11-01.")]
Last = Annotated[str, typer.Option("--to", help="Last day of the reports; it must be over.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module to the tree."""
    app.command()(invalidate)


def invalidate(
    first: First,
    last: Last,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger and the audit log.")],
    informer: Informer = None,
    account: Account = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take back what an informer, or a whole publisher, earned on days that turned out to be fraud.

    Each informer and day becomes one negative adjustment, once and never again. Statistics and clicks stay. The
    balance may fall below zero; payouts that are asked for already go on and are named, so that they can be declined.
    To undo it, add the amount again with an adjustment of the ledger.

    Examples:

      signalbox clicks invalidate --informer 7 --from 2026-11-01 --to 2026-11-05 --reason "click farm" --dry-run

      signalbox clicks invalidate --account pub-7 --from 2026-11-01 --to 2026-11-05 --reason "click farm" --yes
    """
    from cli.session import confirm, database
    from core.ads import invalidation

    if not reason.strip():
        raise CommandError("--reason: is empty", hint='--reason "click farm"', code=ExitCode.USAGE)
    with database():
        choice = _choice(first, last, informer, account)
        plan, taken = invalidation.plan(choice), []
        if plan.unready and not dry_run:
            raise _not_ready(invalidation.NotReady(plan.unready))
        if plan.due and not dry_run:
            confirm(f"take back {_sum(plan.due)} of {len(plan.due)} informer day(s)?", yes)
            taken = _take_back(choice, reason)
    _tell(plan, taken, dry_run, as_json)


def _take_back(choice: Choice, reason: str) -> list[Part]:
    from cli.session import operator
    from core.ads import invalidation
    from core.ads.persons import Person, Role

    try:
        return invalidation.take_back(choice, reason, Person(operator(), Role.FINANCE))
    except invalidation.NotReady as error:
        raise _not_ready(error) from error
    except ValueError as error:
        raise CommandError(str(error), code=ExitCode.USAGE) from error


def _choice(first: str, last: str, informer: int | None, account: str | None) -> Choice:
    from cli.period import a_day, usage
    from models import accounts
    from models.ads import Informer
    from models.invalidation import Choice

    days: tuple[date, date] = (a_day("--from", first), a_day("--to", last))
    if days[1] < days[0]:
        raise usage(f"--to: {last} is before --from {first}", hint="--from is the earlier day")
    if (informer is None) == (account is None):
        raise usage("name either --informer or --account", hint="--informer 7")
    if informer is not None and Informer.get_or_none(Informer.id == informer) is None:
        raise usage(f"--informer: there is no informer {informer}", hint="--account LOGIN takes all of a publisher")
    try:
        account_id = accounts.find(account).id if account else None
    except accounts.NoAccount as error:
        raise usage("--account: there is no publisher of this login", hint="the login is case-sensitive") from error
    return Choice(*days, informer, account_id)


def _tell(plan: Plan, taken: list[Part], dry_run: bool, as_json: bool) -> None:
    from cli.output import say, show, show_json

    rows = [_readable(part) for part in (plan.parts if dry_run else taken)]
    if as_json:
        requests = [{"payout": item.public_id, "state": item.state} for item in plan.requests]
        before = sum(part.taken for part in plan.parts)
        document = {
            "dry_run": dry_run, "taken_back": _sum(taken), "due": _sum(plan.due), "taken_before": before,
            "not_final": plan.unready, "open_payouts": requests, "items": rows,
        }  # fmt: skip
        return show_json(document, schema="clicks.invalidate/1")
    show(rows, schema="", as_json=False, title="Taken back" if not dry_run else "Would be taken back")
    for day in plan.unready:
        say(f"{day}: not final, run aggregate_stats first")
    for item in plan.requests:
        say(f"open payout {item.public_id} ({item.state}) goes on; decline it if it must not be paid")
    return say(f"{_sum(taken)} taken back" if not dry_run else f"{_sum(plan.due)} would be taken back")


def _readable(part: Part) -> dict[str, Any]:
    from models.fields import decimal_text

    return {
        "informer": part.informer_id,
        "day": part.day,
        "amount": decimal_text(part.amount),
        "state": "taken back" if part.taken else "due",
    }


def _sum(parts: list[Part]) -> str:
    from models.fields import decimal_text

    return decimal_text(sum(part.amount for part in parts))


def _not_ready(error: Exception) -> CommandError:
    hint = "signalbox run aggregate_stats, an hour after the end of the last day"
    return CommandError(str(error), hint=hint, code=ExitCode.NOT_READY)
