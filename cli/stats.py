"""The command that shows statistics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.period import Account, Days, From, To
from cli.session import Json

if TYPE_CHECKING:
    from core.ads.reports import By, Report

_BRIEF = (
    "impressions", "clicks", "clicks_unique", "ctr_percent", "social_clicks", "rejected", "errors", "advertiser_cost",
    "partner_cost", "income",
)  # fmt: skip
"""The measures of a table on a terminal; everything else is in the piped and the JSON form."""
_MONEY = ("advertiser_cost", "partner_cost", "income", "average_click_price")
USUAL_DAYS = 7


def register(app: typer.Typer) -> None:
    """Add the command of this module to the tree."""
    app.command()(stats)


def stats(
    by: Annotated[str, typer.Option(help="day, offer, informer, publisher or manager.")] = "day",
    first: From = None,
    last: To = None,
    days: Days = None,
    account: Account = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw clicks, rejected and income by day.")] = False,
    as_json: Json = False,
) -> None:
    """Show clicks, refusals and money of a period; 7 days that end today unless told otherwise.

    Examples:

      signalbox stats --days 30 --plot

      signalbox stats --by informer --from 2026-11-01 --to 2026-11-20 --account anna --json
    """
    from cli.output import show, show_json
    from cli.session import reading

    if plot and (by != "day" or as_json):
        raise _usage("--plot draws days, as text", "leave out --by and --json")
    with reading():
        found = _report(by, (first, last, days), account)
    _say_how_far(found)
    if as_json:
        return show_json(_document(found), schema="stats/1")
    if plot:
        return print("\n".join(_drawn(found)))
    records = _records(found)
    if records and sys.stdout.isatty():
        records.append({next(iter(records[0])): "total"} | measures(found.total))
    return show(records, schema="", as_json=False, title=_title(found), columns=_columns(records))


def _report(by: str, words: tuple[str | None, str | None, int | None], login: str | None) -> Report:
    from cli.period import period
    from core.ads import reports

    try:
        grain: By = reports.By(by)
    except ValueError as error:
        raise _usage(f"--by: {by!r} is no grain", f"one of {', '.join(reports.By)}") from error
    start, end = period(reports.today(), *words, USUAL_DAYS)
    try:
        return reports.report(grain, start, end, login)
    except (LookupError, ValueError) as error:
        raise _usage(f"--account: {error}", "signalbox stats --by publisher names them") from error


def _usage(what: str, hint: str) -> CommandError:
    return CommandError(what, hint=hint, code=ExitCode.USAGE)


def measures(values: dict[str, int]) -> dict[str, Any]:
    """Measures as people write them: money and percentages as decimals, times in seconds."""
    return dict(_measure(name, value) for name, value in values.items())


def _measure(name: str, value: int) -> tuple[str, Any]:
    from models.fields import decimal_text

    if name in _MONEY:
        return name, decimal_text(value)
    if name.endswith("_bp"):
        return name.removesuffix("_bp") + "_percent", f"{value // 100}.{value % 100:02d}"
    if name.endswith("_ms"):
        return name.removesuffix("_ms") + "_seconds", f"{value / 1000:.1f}"
    return name, value


def _records(found: Report) -> list[dict[str, Any]]:
    key = "day" if found.by == "day" else f"{found.by}_id"
    return [{key: row.key, **row.labels, **measures(row.measures)} for row in found.rows]


def _columns(records: list[dict[str, Any]]) -> list[str]:
    if not (records and sys.stdout.isatty()):
        return []
    known = set(measures(dict.fromkeys(_all_measures(), 0)))
    return [name for name in records[0] if name not in known or name in _BRIEF]


def _all_measures() -> set[str]:
    from core.ads.reports import MEASURES

    return {name for names in MEASURES.values() for name in names}


def _document(found: Report) -> dict[str, Any]:
    return {
        "by": found.by, "from": found.first, "to": found.last, "refreshed_at": found.refreshed_at,
        "timezones": found.zones, "archived_days": found.archived, "items": _records(found),
        "total": measures(found.total),
    }  # fmt: skip


def _title(found: Report) -> str:
    return f"By {found.by}, {found.first} to {found.last}"


def _say_how_far(found: Report) -> None:
    from cli.output import cell, say

    if found.refreshed_at is None:
        say("nothing was computed for this period; try: signalbox run aggregate_stats")
    else:
        say(f"as of {cell(found.refreshed_at)}; days in {' and '.join(found.zones)}")
    if found.archived:
        first, last = found.archived[0], found.archived[-1]
        say(f"archived: {len(found.archived)} day(s) from {first} to {last} have no figures by offer any more")


def _drawn(found: Report) -> list[str]:
    from cli.plot import bars

    lines: list[str] = []
    for name in ("clicks", "rejected", "income"):
        points = [(str(row.key), row.measures[name], str(_measure(name, row.measures[name])[1])) for row in found.rows]
        lines += ["", *bars(name, points)]
    return lines[1:]
