"""Text tables for a phone: at most 35 columns, escaped, nothing that turns into a link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from integrations.telegram_text import defang, escape

WIDEST = 35


def table(rows: Iterable[Sequence[object]], widths: Sequence[int]) -> str:
    """Rows of cells of these widths, one blank between them; the first column is to the left, numbers to the right."""
    return "\n".join(_line(row, widths) for row in rows)


def _line(cells: Sequence[object], widths: Sequence[int]) -> str:
    texts = [_cell(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return escape(" ".join(texts).rstrip()[:WIDEST])


def _cell(value: object, width: int) -> str:
    text = clip(str(value), width)
    return text.rjust(width) if isinstance(value, (int, float)) else text.ljust(width)


def clip(text: str, width: int) -> str:
    """The text in one line, without links, as much of it as fits."""
    line = defang(" ".join(text.split()))
    return line if len(line) <= width else line[: width - 1] + "…"


def row(text: str) -> str:
    """One line of a table that has no cells."""
    return escape(clip(text, WIDEST))


def page(title: str, *blocks: str) -> str:
    """A title in bold above blocks of text of one width; empty ones are left out."""
    body = "\n".join(block for block in blocks if block)
    head = f"<b>{escape(clip(title, WIDEST))}</b>"
    return f"{head}\n<pre>{body}</pre>" if body else head
