"""Commands about impressions: taking a file of them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast
from uuid import UUID

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json

if TYPE_CHECKING:
    from core.ads.impression_files import Findings, Source

CHUNK = 1024 * 1024
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Impressions: take files of ad servers.")


@app.command("import")
def import_(
    path: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines or CSV; - is the standard input.")],
    server: Annotated[str, typer.Option(help="Who counted; part of the identity of the file.")] = "manual",
    day: Annotated[str | None, typer.Option(help="The day of rows that name none, as 2026-11-20.")] = None,
    batch_id: Annotated[
        UUID | None, typer.Option(help="The file's own number; none = its content is its identity.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Add a file of impressions to the statistics; all of it or nothing, and the same file only once.

    Columns: informer_id, requested, seen, and optionally day, offer_id, is_social; a row without offer_id
    counts loads of the informer. After an interruption give the same file again, unchanged.

    Examples:

      signalbox impressions import november.csv --server ad-1 --dry-run

      zcat counts.jsonl.gz | signalbox impressions import - --day 2026-11-20
    """
    from cli.output import show_json
    from cli.period import a_day
    from cli.session import database
    from core.ads.impression_files import Source

    with _opened(path) as file, database():
        source = Source(file, f"file:{server}", day=a_day("--day", day) if day else None, batch_id=batch_id)
        found = _check(source)
        done = {"batches": 0, "added": 0, "known": 0} if found.bad or dry_run else _take(source, found)
    if as_json:
        show_json(_record(path, found, done), schema="impressions.import/1")
    else:
        print(_sentence(found, done, dry_run))
    return int(ExitCode.FAILURE if found.bad else ExitCode.OK)


def _sentence(found: Findings, done: dict[str, int], dry_run: bool) -> str:
    if found.bad:
        return f"nothing added: {found.bad} bad line(s), {found.rows} read"
    if dry_run:
        return f"dry run: {found.rows} row(s) of {len(found.days)} day(s) could be added"
    return f"{found.rows} row(s): {done['added']} of {done['batches']} batch(es) added, {done['known']} known before"


def _record(path: str, found: Findings, done: dict[str, int]) -> dict[str, Any]:
    problems = [{"line": line, "problem": problem} for line, problem in found.problems]
    days = [str(day) for day in sorted(found.days)]
    return {
        "file": path, "file_id": str(found.file_id), "rows": found.rows, "days": days, **done, "bad": found.bad,
        "problems": problems,
    }  # fmt: skip


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """A file that can be read twice: a pipe is copied first; one that is too large is refused unread."""
    try:
        given = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", code=ExitCode.USAGE) from error
    with given if given.seekable() and path != "-" else _copy(given) as file:
        if _size(file) > _largest():
            raise CommandError(f"{path} is larger than {_largest() >> 20} MiB", hint="split it", code=ExitCode.USAGE)
        yield file


def _copy(stream: BinaryIO) -> BinaryIO:
    copy, left = tempfile.TemporaryFile(), _largest() + 1  # noqa: SIM115  closed by the caller
    while left > 0 and (part := stream.read(min(left, CHUNK))):
        copy.write(part)
        left -= len(part)
    return cast(BinaryIO, copy)


def _largest() -> int:
    from core.ads.impression_files import LARGEST_FILE

    return LARGEST_FILE


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _check(source: Source) -> Findings:
    from cli.output import say
    from cli.progress import progress
    from core.ads import impression_files

    with progress("checking", _size(source.file)) as advance:
        found = impression_files.check(replace(source, advance=advance))
    for line, problem in found.problems:
        say(f"line {line}: {problem}")
    if found.bad > len(found.problems):
        say(f"and {found.bad - len(found.problems)} more")
    return found


def _take(source: Source, found: Findings) -> dict[str, int]:
    from cli.progress import progress
    from core.ads import impression_files, impressions

    done = {"batches": 0, "added": 0, "known": 0}
    with progress("adding", _size(source.file)) as advance:
        for batch in impression_files.batches(replace(source, advance=advance), found.file_id):
            done["batches"] += 1
            done["added" if _taken(impressions.take, batch) else "known"] += 1
    return done


def _taken(take: Any, batch: Any) -> bool:
    try:
        return bool(take(batch))
    except ValueError as error:
        hint = "give the file a --batch-id of its own, or the same file as the first time"
        raise CommandError(str(error), cause="the file or the database changed meanwhile", hint=hint) from error
