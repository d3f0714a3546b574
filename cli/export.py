"""The command that writes rows to a file or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cli.errors import CommandError, ExitCode
from cli.period import Account, Days, From, To, usage

if TYPE_CHECKING:
    from core.ads.export import Order

USUAL_DAYS = 7


def register(app: typer.Typer) -> None:
    """Add the command of this module to the tree."""
    app.command()(export)


def export(
    what: Annotated[str, typer.Argument(help="clicks, stats or ledger.")],
    output: Annotated[str, typer.Option("--output", "-o", help="The file; - is the standard output.")],
    form: Annotated[str, typer.Option("--format", help="csv or jsonl.")] = "csv",
    first: From = None,
    last: To = None,
    days: Days = None,
    account: Account = None,
    addresses: Annotated[
        bool, typer.Option("--with-addresses", help="Also addresses and visitor ids of clicks.")
    ] = False,
) -> None:
    """Write rows of a period, 7 days that end today unless told otherwise; any number of them, in constant memory.

    A file appears under its name when it is complete. In CSV a text that a spreadsheet would take for a formula
    begins with an apostrophe.

    Examples:

      signalbox export clicks -o november.csv --from 2026-11-01 --to 2026-11-30

      signalbox export ledger -o - --format jsonl --account anna
    """
    from cli.output import say
    from cli.session import database

    with database():
        order = _order(what, form, (first, last, days), account, addresses)
        _say_missing(order)
        with _standard_output() if output == "-" else _file(output) as target:
            rows = _write(order, target)
    say(f"{rows} row(s)")


def _order(
    what: str, form: str, words: tuple[str | None, str | None, int | None], login: str | None, addresses: bool
) -> Order:
    from cli.period import period
    from core.ads.export import Form, Order
    from core.ads.reports import today
    from models.export import SHEETS

    if what not in SHEETS:
        raise usage(f"{what!r} cannot be exported", hint=f"one of {', '.join(SHEETS)}")
    if form not in list(Form):
        raise usage(f"--format: {form!r} is no format", hint=f"one of {', '.join(Form)}")
    return Order(what, Form(form), *period(today(), *words, USUAL_DAYS), login, addresses)


def _say_missing(order: Order) -> None:
    from cli.output import say
    from core.ads.export import missing_days

    if missing := missing_days(order):
        say(f"archived: {len(missing)} day(s) from {missing[0]} to {missing[-1]} are not here any more")


def _write(order: Order, target: BinaryIO) -> int:
    from cli.progress import progress
    from core.ads import export as rows

    written = 0
    try:
        with progress(f"exporting {order.what}") as advance:
            for count, text in rows.pieces(order):
                target.write(text)
                advance(count)
                written += count
    except LookupError as error:
        raise usage(f"--account: {error}", hint="signalbox stats --by publisher names them") from error
    return written


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        # what is buffered cannot be written any more, not even when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError("the reader of the output has gone", code=ExitCode.FAILURE) from error


@contextmanager
def _file(name: str) -> Iterator[BinaryIO]:
    """A file beside the target, readable by its owner alone, that takes the target's name when all is on disk."""
    target = Path(name).resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    if target.exists() and not target.is_file():
        raise usage(f"{name} is no file", hint="-o - writes to the standard output")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise usage(f"cannot write {name}: {error.strerror}", hint="another -o") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
