"""The period a command is about: two days, or a number of days that ends today."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import typer

from cli.errors import CommandError, ExitCode

LONGEST_DAYS = 3660
From = Annotated[str | None, typer.Option("--from", help="First day, as 2026-11-01.")]
To = Annotated[str | None, typer.Option("--to", help="Last day; none = today.")]
Days = Annotated[int | None, typer.Option("--days", min=1, max=LONGEST_DAYS, help="So many days, ending today.")]
Account = Annotated[str | None, typer.Option("--account", help="Only the publisher of this login.")]


def a_day(option: str, text: str) -> date:
    """The date of a word; CommandError names the option."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise usage(f"{option}: {text!r} is no day", hint="write it as 2026-11-20") from error


def period(today: date, first: str | None, last: str | None, days: int | None, usual: int) -> tuple[date, date]:
    """First and last day; without any option the usual number of days that ends today."""
    if days and (first or last):
        raise usage("--days is given together with --from or --to", hint="give one or the other")
    end = a_day("--to", last) if last else today
    start = a_day("--from", first) if first else end - timedelta(days=(days or usual) - 1)
    if not 0 <= (end - start).days < LONGEST_DAYS:
        raise usage(f"{start} to {end} is no period of 1 to {LONGEST_DAYS} days", hint="--from is the earlier day")
    return start, end


def usage(what: str, *, hint: str) -> CommandError:
    """An option that makes no sense."""
    return CommandError(what, hint=hint, code=ExitCode.USAGE)
