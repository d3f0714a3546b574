"""Data on stdout: a table on a terminal, tab-separated when piped, JSON with a versioned schema on request."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

import orjson

Record = Mapping[str, Any]


def show(
    records: Iterable[Record], *, schema: str, as_json: bool, title: str = "", columns: Sequence[str] = ()
) -> None:
    """Print records as the caller asked; `schema` is the name and version of the JSON form."""
    rows = list(records)
    if as_json:
        show_json({"items": rows}, schema=schema)
    elif sys.stdout.isatty():
        _table(rows, title, columns)
    else:
        _tab_separated(rows, columns)


def show_json(document: Record, *, schema: str) -> None:
    """Print one JSON document whose first key names its schema."""
    body = {"schema": f"signalbox.{schema}", **document}
    sys.stdout.write(orjson.dumps(body, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")


def say(text: str) -> None:
    """Talk, as opposed to data: goes to stderr."""
    print("\n".join(map(harmless, text.split("\n"))), file=sys.stderr, flush=True)


def harmless(text: str) -> str:
    """The text without what a terminal would obey, for some of it comes from outside; control characters are named."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def columns_of(rows: Sequence[Record], columns: Sequence[str]) -> list[str]:
    """The columns to print: those named, else those of the first record."""
    return list(columns) or (list(rows[0]) if rows else [])


def cell(value: Any) -> str:
    """One value as text: a dash for unknown, words for flags, instants to the second in UTC."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, (date, Enum)):
        return str(value.value if isinstance(value, Enum) else value)
    return harmless(str(value).replace("\t", " ").replace("\n", " "))


def _tab_separated(rows: Sequence[Record], columns: Sequence[str]) -> None:
    names = columns_of(rows, columns)
    for line in [names] if names else []:
        print("\t".join(line))
    for row in rows:
        print("\t".join(cell(row.get(name)) for name in names))


def _table(rows: Sequence[Record], title: str, columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = columns_of(rows, columns)
    table = Table(
        title=Text(title) if title else None, title_justify="left", box=None, header_style="bold", pad_edge=False
    )
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(name))) for name in names))
    Console().print(table if rows else Text(f"{title or 'Result'}: nothing to show"))
