"""The command that compares our clicks with AdLoad's sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import Json

if TYPE_CHECKING:
    from models.reconciliation import Line

Day = Annotated[str | None, typer.Option(help="The UTC day, as 2026-11-20; none = yesterday.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module to the tree."""
    app.command()(reconcile)


def reconcile(day: Day = None, as_json: Json = False) -> None:
    """Compare clicks and cost per campaign with AdLoad's own sums of a day; exit code 4 when they differ.

    Campaign 0 stands for all that AdLoad charges and that do not exist here. Nothing is corrected.

    Examples:

      signalbox reconcile

      signalbox reconcile --day 2026-11-20 --json
    """
    from cli.output import show, show_json
    from cli.period import a_day
    from cli.session import database
    from core.ads import reconciliation
    from core.ads.drivers import driver
    from integrations.errors import OutsideError

    chosen = a_day("--day", day) if day else None
    with database():
        try:
            found = reconciliation.reconcile(driver(), chosen)
        except reconciliation.NotComparable as error:
            raise CommandError(str(error), code=ExitCode.USAGE) from error
        except OutsideError as error:
            what = f"AdLoad gave no usable answer ({type(error).__name__})"
            raise CommandError(what, hint="signalbox doctor --live", code=ExitCode.UNAVAILABLE) from error
    rows = [_readable(line) for line in found.lines]
    if as_json:
        show_json({"day": str(found.day), "differing": len(found.differing), "items": rows}, schema="reconcile/1")
    else:
        show(rows, schema="", as_json=False, title=f"Clicks and cost of {found.day}")
    if found.differing:
        raise typer.Exit(ExitCode.FINDINGS)


def _readable(line: Line) -> dict[str, Any]:
    from models.fields import decimal_text

    return {
        "campaign": line.campaign_id,
        "clicks_here": line.clicks_here,
        "clicks_there": line.clicks_there,
        "cost_here": decimal_text(line.cost_here),
        "cost_there": decimal_text(line.cost_there),
        "differs": line.differs,
    }
