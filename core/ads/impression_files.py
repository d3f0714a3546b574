"""Files of impressions: read line by line, checked as a whole, then taken in batches whose ids follow from the file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from hashlib import sha256
from itertools import groupby
from typing import Any, BinaryIO
from uuid import UUID, uuid5

import msgspec

from config.clock import now
from core.ads import impressions
from core.ads.impressions import BadBatch, Batch, BlockViewRow, Count, Document, Id, ImpressionRow
from models.impressions import unknown

BATCH_LINES = 5000
"""The ids of batches follow from it, so another number would count files again that were taken before."""
LONGEST_LINE = 4096
LARGEST_FILE = 1024**3
MOST_PROBLEMS = 1000
_FILES = UUID("5cf1f9a6-0d57-5d0b-9a0e-6c5f0c1b7a11")


class FileRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: an offer in an informer, or without an offer the loads of the informer."""

    informer_id: Id
    requested: Count
    seen: Count
    day: date | None = None
    offer_id: Id | None = None
    is_social: bool = False


@dataclass(slots=True)
class Source:
    """A file that can be read twice, and what holds for all of its lines; `advance` hears how many bytes were read."""

    file: BinaryIO
    server: str
    day: date | None = None
    batch_id: UUID | None = None
    advance: Callable[[int], object] = lambda _: None


@dataclass(slots=True)
class Findings:
    """What a file holds: rows, days, the id its batches derive from, and the first of its problems by line."""

    rows: int = 0
    bad: int = 0
    days: set[date] = field(default_factory=set)
    file_id: UUID = _FILES
    problems: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, problem: str) -> None:
        """Note that a line cannot be taken."""
        self.bad += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append((line, problem))


Numbered = tuple[int, FileRow | str]
Line = tuple[int, FileRow]


def check(source: Source) -> Findings:
    """Read a whole file and change nothing; the content decides the id unless the source names one."""
    found, digest = Findings(), sha256(source.server.encode())
    for window in _windows(_rows(source, digest.update)):
        good = [(line, row) for line, row in window if isinstance(row, FileRow)]
        problems = {line: row for line, row in window if isinstance(row, str)} | _problems(good, source)
        found.rows += len(good)
        found.days |= {day for _, row in good if (day := row.day or source.day)}
        for line in sorted(problems):
            found.add(line, problems[line])
    found.file_id = source.batch_id or uuid5(_FILES, digest.hexdigest())
    return found


def batches(source: Source, file_id: UUID) -> Iterator[Batch]:
    """The batches of a file that was found to be whole; the same file always gives the same."""
    for window in _windows(_rows(source)):
        lines = [(line, row) for line, row in window if isinstance(row, FileRow)]
        by_day = sorted(((row.day or source.day, row) for _, row in lines), key=lambda item: str(item[0]))
        for day, rows in groupby(by_day, key=lambda item: item[0]):
            assert day is not None, "a row without a day is a problem that check() tells"
            key = f"{(window[0][0] - 1) // BATCH_LINES} {day}"
            yield _batch(source.server, uuid5(file_id, key), day, [row for _, row in rows])


def _batch(server: str, batch_id: UUID, day: date, rows: Iterable[FileRow]) -> Batch:
    shown, loaded = [], []
    for row in rows:
        if row.offer_id is None:
            loaded.append(BlockViewRow(row.informer_id, row.requested, row.seen))
        else:
            shown.append(ImpressionRow(row.informer_id, row.offer_id, row.requested, row.seen, row.is_social))
    return impressions.make(Document(batch_id, day, shown, loaded), server)


def _windows(rows: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    for _, window in groupby(rows, key=lambda item: (item[0] - 1) // BATCH_LINES):
        yield list(window)


def _problems(lines: list[Line], source: Source) -> dict[int, str]:
    found = _day_problems(lines, source) | _id_problems(lines)
    for line, row in lines:
        if row.seen > row.requested:
            found[line] = f"seen: {row.seen} seen of {row.requested} requested; {impressions.SEEN_FIX}"
    return found


def _day_problems(lines: list[Line], source: Source) -> dict[int, str]:
    wrong = {day: _day_problem(day) for day in {row.day or source.day for _, row in lines}}
    return {line: problem for line, row in lines if (problem := wrong[row.day or source.day])}


def _day_problem(day: date | None) -> str:
    if day is None:
        return "day: missing; add the column, or give one day for the whole file"
    try:
        impressions.check_day(day, now())
    except BadBatch as error:
        return str(error)
    return ""


def _id_problems(lines: list[Line]) -> dict[int, str]:
    missing = {
        "informer_id": set(unknown("informer", (row.informer_id for _, row in lines))),
        "offer_id": set(unknown("offer", (row.offer_id for _, row in lines if row.offer_id is not None))),
    }
    return {
        line: f"{name}: {getattr(row, name)} does not exist here; correct or remove the line"
        for name, ids in missing.items()
        for line, row in lines
        if getattr(row, name) in ids
    }


def _rows(source: Source, see: Callable[[bytes], object] = lambda _: None) -> Iterator[Numbered]:
    """The rows of a file from its start, or what is wrong with them; `see` gets every byte."""
    source.file.seek(0)
    read: Callable[[str], FileRow | str] | None = None
    for number, raw in _lines(source, see):
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if len(raw) > LONGEST_LINE:
            yield number, f"longer than {LONGEST_LINE} bytes; write one row per line"
        elif read and text:
            yield number, read(text)
        elif text.startswith("{"):
            read = _json_row
            yield number, read(text)
        elif text:
            columns = next(csv.reader([text]))
            read = partial(_csv_row, columns)
            yield from _header_problem(number, columns)


def _lines(source: Source, see: Callable[[bytes], object]) -> Iterator[tuple[int, bytes]]:
    number, at_start = 0, True
    while raw := source.file.readline(LONGEST_LINE + 1):
        see(raw)
        source.advance(len(raw))
        number += at_start
        if at_start:
            yield number, raw
        at_start = raw.endswith(b"\n")


def _header_problem(number: int, columns: list[str]) -> Iterator[Numbered]:
    known = FileRow.__struct_fields__
    needed = [name for name in known[:3] if name not in columns]
    if needed or set(columns) - set(known) or len(set(columns)) < len(columns):
        yield (
            number,
            f"header: {', '.join(columns)[:80]}; write each of {', '.join(known)} once, the first three at least",
        )


def _json_row(text: str) -> FileRow | str:
    return _checked(lambda: msgspec.json.decode(text, type=FileRow))


def _csv_row(columns: list[str], text: str) -> FileRow | str:
    return _checked(lambda: msgspec.convert(_cells(columns, text), FileRow, strict=False))


def _cells(columns: list[str], text: str) -> Mapping[str, Any]:
    cells = next(csv.reader([text]))
    return {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}


def _checked(read: Callable[[], FileRow]) -> FileRow | str:
    try:
        return read()
    except msgspec.ValidationError as error:
        name, problem = impressions.fault(str(error))
        return f"{name or 'row'}: {problem}; correct the line"
    except (msgspec.DecodeError, csv.Error, ValueError):
        return "row: not a row of this file; write a JSON object, or the cells that the header names"
