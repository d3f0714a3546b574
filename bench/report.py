"""What a bench leaves behind: one table on the terminal and one JSON file; wrong counts leave no rate."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from config.clock import now

OUT = Path("out")


class CountsDiffer(RuntimeError):
    """Something was lost, doubled or invented; no figure of this run means anything."""


@dataclass
class Report:
    """Rows of one bench, printed and saved together."""

    name: str
    title: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, **row: Any) -> None:
        """Add one line of the table."""
        self.rows.append(row)

    def publish(self) -> Path:
        """Print the table, write out/NAME.json; the file's path."""
        Console(width=160).print(table(self.title, self.rows))
        for name, value in self.facts.items():
            print(f"{name}: {value}")
        OUT.mkdir(exist_ok=True)
        path = OUT / f"{self.name}.json"
        path.write_bytes(orjson.dumps(self._document(), option=orjson.OPT_INDENT_2, default=str))
        return path

    def _document(self) -> dict[str, Any]:
        host = {
            "cores": psutil.cpu_count(),
            "memory_gib": psutil.virtual_memory().total >> 30,
            "python": platform.python_version(),
        }
        schema = f"signalbox.bench.{self.name}/1"
        return {"schema": schema, "at": now().isoformat(), "host": host, "facts": self.facts, "rows": self.rows}


def must_equal(what: str, counts: Mapping[str, int]) -> None:
    """Refuse the run unless all these counts are the same."""
    if len(set(counts.values())) > 1:
        raise CountsDiffer(f"{what}: " + ", ".join(f"{name} {value:,}" for name, value in counts.items()))


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Rows as a table; columns in the order they first appear, the first one to the left."""
    made = Table(title=title, title_justify="left")
    names = table_names(rows)
    for name in names:
        made.add_column(name, justify="left" if name == names[0] else "right", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(row.get(name)) for name in names))
    return made


def table_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Column names in the order they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
