"""Files of pipelines: read and checked row by row, with the number of every bad line; and written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, TextIO, TypeVar

from core.domains import hosts
from core.domains.pipelines import MOST_NAME
from models import pipeline_writes, pipelines
from models.domain_states import Mode, Role
from models.pipeline_writes import Settings
from models.pipelines import Line, Place

COLUMNS = (
    "pipeline", "domain", "role", "position", "reason", "mode", "with_update_voluum", "with_update_affise",
    "return_to_work", "trafficback_url", "destination",
)  # fmt: skip
NEEDED = frozenset(COLUMNS[:3])
LARGEST_FILE = 5 * 1024 * 1024
MOST_ROWS = 50_000
MOST_POSITION = 1_000_000
Word = TypeVar("Word", Role, Mode)
FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": None}
# a cell that a spreadsheet would run; quotes before it are counted in, so that taking one off is the exact reverse
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
_ADDRESS = re.compile(r"https?://[^\s/]+\S*\Z")


@dataclass(frozen=True, slots=True)
class FileRow:
    """What one line wants."""

    line: int
    pipeline: str
    domain: str
    role: Role
    position: int | None
    reason: str
    settings: Settings
    destinations: tuple[str, ...]


@dataclass(slots=True)
class Findings:
    """The good rows of a file, and what is wrong with the others by line."""

    rows: list[FileRow] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, problem: str) -> None:
        """Note that a line cannot be taken."""
        self.problems.append((line, problem))


def read(file: BinaryIO) -> Findings:
    """The rows of a file or a pipe, none of which is compared with the database yet."""
    found = Findings()
    data = _data(file)
    if data is None:
        found.add(1, f"file: larger than {LARGEST_FILE >> 20} MB; split it")
        return found
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        found.add(line, "file: not UTF-8; save it as CSV UTF-8")
        return found
    _read_rows(text, found)
    found.rows = _consistent(found)
    return found


def _data(file: BinaryIO) -> bytes | None:
    """All of it; None if that is too much, which a pipe does not say beforehand."""
    if file.seekable():
        if file.seek(0, io.SEEK_END) > LARGEST_FILE:
            return None
        file.seek(0)
    data = file.read(LARGEST_FILE + 1)
    return data if len(data) <= LARGEST_FILE else None


def _read_rows(text: str, found: Findings) -> None:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if problem := _header_problem(header):
            return found.add(1, problem)
        for number, cells in enumerate(reader):
            if number >= MOST_ROWS:
                return found.add(reader.line_num, f"file: more than {MOST_ROWS} rows; split it")
            _take(reader.line_num, header, cells, found)
    except csv.Error as error:
        found.add(reader.line_num, f"row: not CSV ({error}); correct the quotes")
    return None


def _header_problem(header: list[str]) -> str:
    unknown = sorted(set(header) - set(COLUMNS))
    if unknown or len(set(header)) < len(header) or not set(header) >= NEEDED:
        named = f"; {unknown[0][:40]!r} is none of them" if unknown else ""
        return f"header: write each column once, {', '.join(sorted(NEEDED))} at least, of {', '.join(COLUMNS)}{named}"
    return ""


def _take(line: int, header: list[str], cells: list[str], found: Findings) -> None:
    if not any(cell.strip() for cell in cells):
        return
    try:
        if len(cells) != len(header):
            raise ValueError(f"row: {len(cells)} cells, the header has {len(header)}; correct the line")
        found.rows.append(_row(line, {name: plain(cell) for name, cell in zip(header, cells, strict=True)}))
    except ValueError as error:
        found.add(line, str(error))


def _row(line: int, cells: Mapping[str, str]) -> FileRow:
    name = cells["pipeline"].strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise ValueError(f"pipeline: write 1 to {MOST_NAME} printable characters")
    reason = cells.get("reason", "")
    if len(reason) > 500 or "\0" in reason:
        raise ValueError("reason: write at most 500 characters, none of them NUL")
    return FileRow(
        line, name, _host(cells["domain"]), _word("role", Role, cells["role"]), _position(cells.get("position", "")),
        reason, _settings(cells), tuple(address("destination", url) for url in cells.get("destination", "").split()),
    )  # fmt: skip


def _settings(cells: Mapping[str, str]) -> Settings:
    mode, url = cells.get("mode", "").strip(), cells.get("trafficback_url", "").strip()
    return Settings(
        _word("mode", Mode, mode) if mode else None, _flag("with_update_voluum", cells),
        _flag("with_update_affise", cells), _flag("return_to_work", cells),
        address("trafficback_url", url) if url else None,
    )  # fmt: skip


def _host(cell: str) -> str:
    try:
        return hosts.name_of(cell.strip())
    except ValueError as error:
        raise ValueError(f"domain: {error}") from error


def _word(name: str, kind: type[Word], cell: str) -> Word:
    try:
        return kind(cell.strip().lower())
    except ValueError:
        raise ValueError(f"{name}: {cell[:40]!r} is none; write {', '.join(kind)}") from None


def _position(cell: str) -> int | None:
    if not cell.strip():
        return None
    if not (cell.strip().isascii() and cell.strip().isdigit()) or int(cell.strip()[:10]) > MOST_POSITION:
        raise ValueError(f"position: {cell[:40]!r} is none; write a whole number from 0 to {MOST_POSITION}")
    return int(cell.strip())


def _flag(name: str, cells: Mapping[str, str]) -> bool | None:
    cell = cells.get(name, "").strip().lower()
    if cell not in FLAGS:
        raise ValueError(f"{name}: {cell[:40]!r} is none; write yes or no")
    return FLAGS[cell]


def address(name: str, cell: str) -> str:
    """An http address; ValueError names the field otherwise."""
    if not _ADDRESS.match(cell) or "\0" in cell or len(cell) > 2000:
        raise ValueError(f"{name}: {cell[:60]!r} is none; write an address such as https://shop.example/")
    return cell


def _consistent(found: Findings) -> list[FileRow]:
    """Rows that agree with those above them; each disagreement is a problem that names both lines."""
    seen: dict[tuple[str, str], FileRow] = {}
    good = []
    for row in found.rows:
        problem = next(_disagreements(row, seen), "")
        if problem:
            found.add(row.line, problem)
        else:
            good.append(row)
            seen |= dict.fromkeys(_keys(row), row)
            seen.setdefault(("settings", row.pipeline), row)
    return good


def _keys(row: FileRow) -> Iterator[tuple[str, str]]:
    yield "pair", f"{row.pipeline}\n{row.domain}"
    if row.role is Role.ACTIVE:
        yield "active", row.pipeline
    if row.role in (Role.ACTIVE, Role.BACKUP):
        yield "works", row.domain


def _disagreements(row: FileRow, seen: Mapping[tuple[str, str], FileRow]) -> Iterator[str]:
    words = {
        "pair": "domain: is in this pipeline in line {} already; remove one of the two",
        "active": "role: line {} is the active domain already; write backup",
        "works": "domain: works in another pipeline in line {}; a domain works in one pipeline only",
    }
    for key in _keys(row):
        if other := seen.get(key):
            yield words[key[0]].format(other.line)
    first = seen.get(("settings", row.pipeline))
    if first and first.settings != row.settings:
        name = next(name for name in Settings.__slots__ if getattr(first.settings, name) != getattr(row.settings, name))
        yield f"{name}: differs from line {first.line} of the same pipeline; write the same in both"


def write(file: TextIO, names: Iterable[str] = ()) -> int:
    """Write pipelines, all if none is named, as a file that can be read back; how many rows."""
    wanted = set(names)
    found = [line for line in pipelines.all_lines() if not wanted or line.pipeline.name in wanted]
    addresses: dict[int, list[str]] = {}
    for number, url, _ in pipeline_writes.destinations(line.pipeline.id for line in found):
        addresses.setdefault(number, []).append(url)
    rows = [cells for line in found for cells in _lines_of(line, addresses.get(line.pipeline.id, []))]
    csv.writer(file, lineterminator="\r\n").writerows([COLUMNS, *(map(safe, cells) for cells in rows)])
    return len(rows)


def _lines_of(line: Line, addresses: list[str]) -> Iterator[list[str]]:
    pipeline = line.pipeline
    flags = (pipeline.with_update_voluum, pipeline.with_update_affise, pipeline.return_to_work)
    tail = [pipeline.mode.value, *("yes" if flag else "no" for flag in flags), pipeline.trafficback_url or ""]
    for number, place in enumerate(line.places):
        yield [pipeline.name, *_cells_of(place), *tail, " ".join(addresses) if number == 0 else ""]


def _cells_of(place: Place) -> list[str]:
    return [place.name, place.role.value, str(place.position), place.block_reason or ""]


def safe(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return "'" + cell if _DANGEROUS.match(cell) else cell


def plain(cell: str) -> str:
    """What `safe` was given."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell) else cell
