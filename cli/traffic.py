"""The command that shows which informers' clicks look unlike people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cli.period import Account, Days, From, To
from cli.session import Json

if TYPE_CHECKING:
    from core.ads.traffic import Traffic

USUAL_DAYS = 7


def register(app: typer.Typer) -> None:
    """Add the command of this module to the tree."""
    app.command()(traffic)


def traffic(
    days: Days = None, first: From = None, last: To = None, account: Account = None, as_json: Json = False
) -> None:
    """Show the traffic of each informer, most suspicious first, and why.

    Ranked by the sum of these shares: rejected, from data centres, too fast, not unique, of actors with four
    clicks or more; informers with fewer than 20 clicks come last.

    Examples:

      signalbox traffic --days 7

      signalbox traffic --account anna --json
    """
    from cli.output import say, show
    from cli.period import period, usage
    from cli.session import reading
    from core.ads import reports
    from core.ads import traffic as report

    with reading():
        start, end = period(reports.today(), first, last, days, USUAL_DAYS)
        try:
            found = report.report(start, end, account)
        except LookupError as error:
            raise usage(f"--account: {error}", hint="signalbox stats --by publisher names them") from error
        missing = report.missing_days(start, end)
    if missing:
        say(f"archived: clicks of {len(missing)} day(s) from {missing[0]} to {missing[-1]} are not counted")
    show(map(_record, found), schema="traffic/1", as_json=as_json, title=f"Traffic, {start} to {end}")


def _record(item: Traffic) -> dict[str, Any]:
    names = ("1", "2", "3", "4_or_more")
    return {
        "informer_id": item.informer_id, "informer": item.informer, "site": item.site, "publisher": item.publisher,
        "clicks": item.clicks, "unique": item.unique, "unique_percent": _percent(item.unique_bp),
        "rejected": item.rejected, "rejected_percent": _percent(item.rejected_bp),
        "datacenter_percent": _percent(item.datacenter_bp), "too_fast_percent": _percent(item.too_fast_bp),
        "median_view_seconds": f"{item.median_view_ms / 1000:.1f}",
        **{f"actors_{name}": number for name, number in zip(names, item.actors, strict=True)},
        "reason": item.reason,
    }  # fmt: skip


def _percent(basis_points: int) -> str:
    return f"{basis_points // 100}.{basis_points % 100:02d}"
