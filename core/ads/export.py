"""Exports: rows as CSV that no spreadsheet takes for formulas, or as JSON lines; one piece at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import orjson

from core.ads import periods
from models import export, stats_read
from models.export import Column, Kind, Sheet
from models.fields import day, decimal_text, instant, instant_text
from models.period import Period

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Order:
    """What to export; `addresses` adds what tells visitors apart."""

    what: str
    form: Form
    first: date
    last: date
    login: str | None = None
    addresses: bool = False


def pieces(order: Order) -> Iterator[tuple[int, bytes]]:
    """(number of rows, their text), a piece at a time; raises LookupError for an unknown login before the first."""
    sheet = export.SHEETS[order.what]
    account_id = stats_read.account_of(order.login) if order.login else None
    columns = sheet.shown(order.addresses)
    rows = export.stream(sheet, _period(sheet, order), account_id, personal=order.addresses)
    return _written(columns, rows, _csv(columns) if order.form is Form.CSV else _json(sheet, columns), order.form)


def _period(sheet: Sheet, order: Order) -> Period:
    """A sheet without instants has days of the reports; one with instants goes by UTC days."""
    stored = periods.stored(order.first, order.last)
    return stored if sheet.by_instant else stored._replace(first=order.first, last=order.last)


def missing_days(order: Order) -> list[date]:
    """Days whose rows are in the archive, and so in no export."""
    sheet = export.SHEETS[order.what]
    period = _period(sheet, order)
    return stats_read.archived(sheet.archive, period.first, period.last) if sheet.archive else []


Writer = Callable[[Sequence[Any]], str | bytes]


def _written(
    columns: Sequence[Column], rows: Iterator[Sequence[Sequence[Any]]], write: Writer, form: Form
) -> Iterator[tuple[int, bytes]]:
    if form is Form.CSV:
        yield 0, _bytes(csv_line([column.name for column in columns]))
    for piece in rows:
        yield len(piece), b"".join([_bytes(write(row)) for row in piece])


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _csv(columns: Sequence[Column]) -> Writer:
    cells = [_CELLS[column.kind] for column in columns]
    return lambda row: csv_line(
        [None if value is None else cell(value) for cell, value in zip(cells, row, strict=True)]
    )


class _Echo:
    """Where a CSV writer writes to: it gives the line back."""

    @staticmethod
    def write(line: str) -> str:
        return line


def csv_line(cells: Sequence[object]) -> str:
    """One line of CSV with its end."""
    return str(_writer.writerow(cells))


_writer = csv.writer(_Echo(), lineterminator="\r\n")


def safe(text: object) -> str:
    """A text cell that a spreadsheet shows and never computes."""
    cell = str(text)
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _json(sheet: Sheet, columns: Sequence[Column]) -> Writer:
    schema = f"signalbox.export.{sheet.name}/1"

    def write(row: Sequence[Any]) -> bytes:
        record: dict[str, Any] = {"schema": schema}
        for column, value in zip(columns, row, strict=True):
            record[column.name] = None if value is None else _VALUES[column.kind](value)
            if column.kind is Kind.MONEY:
                record[f"{column.name}_micros"] = None if value is None else int(value)
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)

    return write


def _instant(value: datetime | str) -> str:
    return instant_text(instant(value))


def _day(value: date | str) -> str:
    return day(value).isoformat()


def _flag(value: object) -> str:
    return "true" if value else "false"


def _money(value: Any) -> str:
    return decimal_text(int(value))


_VALUES: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: str,
    Kind.NUMBER: int,
    Kind.MONEY: _money,
    Kind.INSTANT: _instant,
    Kind.DAY: _day,
    Kind.FLAG: bool,
    Kind.ID: str,
}
_CELLS: dict[Kind, Callable[[Any], Any]] = _VALUES | {Kind.TEXT: safe, Kind.FLAG: _flag}
