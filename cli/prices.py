"""Commands about what clicks pay to publishers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from core.ads.prices import Wanted
    from models.prices import PriceRow

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Prices of clicks: list, set.")


@app.command("list")
def list_(
    account: Annotated[str, typer.Option(help="Only the publisher of this login.")] = "",
    at: Annotated[str | None, typer.Option(help="Only what is in force at this instant (ISO 8601), or `now`.")] = None,
    as_json: Json = False,
) -> None:
    """Every price of an account and its informers, newest first; with --at those in force.

    Examples:

      signalbox prices list --account gazette

      signalbox prices list --at now --json
    """
    from cli.output import show
    from cli.session import database
    from core.ads import prices

    moment = _instant("--at", at)
    with database():
        try:
            rows = prices.listed(account, moment)
        except prices.BadPrice as error:
            raise _refused(error) from error
    show(map(_record, rows), schema="prices.list/1", as_json=as_json, title="Prices")


@app.command("set")
def set_(
    account: Annotated[str, typer.Option(help="Login of the publisher.")],
    informer: Annotated[int | None, typer.Option(help="Only this informer; it overrides the account's price.")] = None,
    fixed: Annotated[str | None, typer.Option(help="So much for every paid click.")] = None,
    percent: Annotated[str | None, typer.Option(help="So many percent of what the advertiser pays.")] = None,
    floor: Annotated[str | None, typer.Option(help="With --percent: never less than this.")] = None,
    cap: Annotated[str | None, typer.Option(help="With --percent: never more than this.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="From this instant on (ISO 8601); none = now.")] = None,
    fill_gap: Annotated[bool, typer.Option("--fill-gap", help="Allow a past in which there was no price.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Set what clicks pay from an instant on. Earlier clicks keep their price; prices are added, never changed.

    Examples:

      signalbox prices set --account gazette --fixed 0.03

      signalbox prices set --account gazette --informer 7 --percent 57 --floor 0.06 --cap 0.95 --yes
    """
    from cli.session import database
    from core.ads import prices

    with database():
        try:
            terms = prices.terms(fixed=fixed, percent=percent, floor=floor, cap=cap)
            wanted = prices.Wanted(account, terms, informer, _instant("--from", since), fill_gap)
            starts = _previewed(wanted)
            starts = starts if dry_run else _set(wanted, starts, yes)
        except prices.BadPrice as error:
            raise _refused(error) from error
    _told(wanted, starts, dry_run, as_json)


def _previewed(wanted: Wanted) -> datetime:
    from cli.output import say
    from core.ads import prices

    starts = prices.preview(wanted)
    for warning in prices.warnings(wanted.terms):
        say(f"warning: {warning}")
    return starts


def _set(wanted: Wanted, starts: datetime, yes: bool) -> datetime:
    from cli.session import confirm, operator
    from core.ads import prices

    confirm(f"set {_words(wanted.terms)} for {_place(wanted)} from {starts:%Y-%m-%d %H:%M:%SZ}?", yes)
    return prices.set_price(wanted, operator())


def _told(wanted: Wanted, starts: datetime, dry_run: bool, as_json: bool) -> None:
    from cli.output import show_json

    words = _words(wanted.terms)
    if as_json:
        facts = {"account": wanted.login, "informer": wanted.informer_id, "from": starts, "set": not dry_run}
        return show_json({**facts, "price": words}, schema="prices.set/1")
    done = "would be set" if dry_run else "set"
    return print(f"{_place(wanted)}: {words} {done} from {starts:%Y-%m-%d %H:%M:%SZ}")


def _instant(option: str, text: str | None) -> datetime | None:
    """An instant; one without a zone is UTC, like every instant we print."""
    from config.clock import now

    if text == "now":
        return now()
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        hint = "2026-11-20T12:00:00Z"
        raise CommandError(f"{option}: {text!r} is not an instant", hint=hint, code=ExitCode.USAGE) from error
    return found and (found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))


def _record(row: PriceRow) -> dict[str, Any]:
    return {
        "account": row.login,
        "informer": row.informer_id,
        "kind": row.kind,
        "fixed": _money(row.fixed_cost) if row.kind == "fixed" else None,
        "percent": _percent(row.percent_bp),
        "floor": _money(row.floor_cost),
        "cap": _money(row.cap_cost),
        "from": row.effective_from,
        "by": row.created_by,
        "id": row.id,
    }


def _money(amount: int | None) -> str | None:
    from models.fields import decimal_text

    return None if amount is None else decimal_text(amount)


def _percent(points: int | None) -> str | None:
    return None if points is None else f"{points // 100}.{points % 100:02d}".rstrip("0").rstrip(".")


def _words(terms: Any) -> str:
    if terms.percent_bp is None:
        return f"{_money(terms.fixed)} per click"
    ends = [
        f", {name} {_money(value)}" for name, value in (("floor", terms.floor), ("cap", terms.cap)) if value is not None
    ]
    return f"{_percent(terms.percent_bp)} %{''.join(ends)}"


def _place(wanted: Any) -> str:
    return wanted.login if wanted.informer_id is None else f"{wanted.login}, informer {wanted.informer_id}"


def _refused(error: ValueError) -> CommandError:
    return CommandError(str(error), hint="signalbox prices set --help", code=ExitCode.USAGE)
