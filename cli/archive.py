"""Commands about the archive: what is in it, moving days there, bringing one back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from core.ads.archive import Refusal, Turn
    from models.archive import ArchivedDay, Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Old days: list, archive, restore.")
Day = Annotated[str, typer.Argument(help="A day such as 2026-08-31.")]


@app.command("list")
def list_(
    since: Annotated[str | None, typer.Option(help="Only this day and later ones.")] = None,
    until: Annotated[str | None, typer.Option(help="Only this day and earlier ones.")] = None,
    as_json: Json = False,
) -> None:
    """Days that have left the live tables, the newest first; money in micro-units.

    Examples:

      signalbox archive list

      signalbox archive list --since 2026-08-01 --until 2026-08-31 --json
    """
    from cli.output import show
    from cli.session import database
    from models import archive

    with database():
        store = archive.store()
        with store.reading():
            rows = [_record(row, store) for row in archive.listed(_day(since), _day(until))]
    show(rows, schema="archive.list/1", as_json=as_json, title="Archive")


def _record(row: ArchivedDay, store: Store) -> dict[str, Any]:
    return {
        "day": row.day,
        "table": row.name,
        "state": row.state,
        "rows": row.row_count,
        "advertiser_cost": row.advertiser_cost,
        "partner_cost": row.partner_cost,
        "bytes": store.size(row.name, row.day),
        "moved_at": row.archived_at,
        "addresses_erased_at": row.erased_at,
    }


@app.command()
def run(
    day: Annotated[str | None, typer.Option(help="Only this day, even if it was restored.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Move days that are past their time into the archive; exit code 4 when one had to stay.

    Examples:

      signalbox archive run --dry-run

      signalbox archive run --day 2026-08-31
    """
    from cli.output import show
    from cli.session import database, operator

    with database(), _at_the_archive():
        if dry_run:
            rows = _planned(_day(day))
        elif day:
            rows = _rows(_one(_day(day), operator()))
        else:
            rows = _rows(_all())
    show(rows, schema="archive.run/1", as_json=as_json, title="Archive", columns=("day", "tables", "rows", "stays"))
    if any(row["stays"] for row in rows):
        raise typer.Exit(ExitCode.FINDINGS)


def _planned(day: date | None) -> list[dict[str, Any]]:
    from core.ads import archive

    turns = [(at, moves) for at, moves in sorted(archive.due().items()) if day in (None, at)]
    return [_row(at, [table for table, _ in moves], None, archive.refusal(moves)) for at, moves in turns]


def _one(day: date | None, by: str) -> Iterator[Turn]:
    from core.ads import archive

    if day:
        yield archive.move_now(day, by)


def _all() -> Iterator[Turn]:
    from core.ads import archive

    turn = archive.step()
    yield turn
    while turn.more:
        turn = archive.step(turn.day)
        yield turn


def _rows(turns: Iterator[Turn]) -> list[dict[str, Any]]:
    return [
        _row(turn.day, list(turn.moved), sum(turn.moved.values()), turn.refusal)
        for turn in turns
        if turn.day and (turn.moved or turn.refusal)
    ]


def _row(day: date, tables: list[str], rows: int | None, refusal: Refusal | None) -> dict[str, Any]:
    stays = None
    if refusal:
        differences = (f"{name} {one} and {other}" for name, (one, other) in refusal.details.items())
        stays = "; ".join((refusal.reason, *differences))
    return {"day": day, "tables": " ".join(sorted(tables)), "rows": rows, "stays": stays}


@app.command()
def restore(day: Day, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Bring a day back into the live tables, where it stays until `archive run --day`.

    Examples:

      signalbox archive restore 2026-08-31 --dry-run

      signalbox archive restore 2026-08-31 --yes
    """
    from cli.output import show_json
    from cli.session import confirm, database, operator
    from core.ads import archive

    wanted = _day(day)
    assert wanted
    with database(), _at_the_archive():
        moves = archive.restorable(wanted)
        if moves and not dry_run:
            confirm(f"bring {len(moves)} table(s) of {wanted} back into the live tables?", yes)
        if not dry_run:
            moves = archive.restore(wanted, operator())
    tables = [f"{table} {at}" for table, at in moves]
    if as_json:
        found = {"day": wanted, "tables": tables, "restored": not dry_run}
        return show_json(found, schema="archive.restore/1")
    return print(f"{wanted}: {len(tables)} table(s) {'would come' if dry_run else 'are'} back: {', '.join(tables)}")


@contextmanager
def _at_the_archive() -> Iterator[None]:
    from core.ads.archive import NotYet
    from models.archive import ArchiveInUse

    try:
        yield
    except ArchiveInUse as error:
        raise CommandError(str(error), code=ExitCode.LOCKED) from error
    except NotYet as error:
        raise CommandError(str(error), code=ExitCode.USAGE) from error


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise CommandError(f"{text!r} is not a day", hint="write it as 2026-08-31", code=ExitCode.USAGE) from error
