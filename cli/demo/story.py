"""The demo's narrator: every visit as a line, and a table of outcomes and reasons that is always current."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from models.database import db, fetch

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_OUTCOMES = """
select 'counted', case when is_social then 'social, free' when is_unique then 'paid' else 'repeat, free' end,
       count(*), coalesce(sum(advertiser_cost), 0), coalesce(sum(partner_cost), 0)
from click where state = 'done' group by 2
union all select 'pending', 'waits for AdLoad', count(*), 0, 0 from click where state = 'pending' having count(*) > 0
union all select 'rejected', reason_code, count(*), 0, 0 from click_rejected group by 2
union all select 'error', code, count(*), 0, 0 from click_error where state in ('open', 'unknown', 'retry') group by 2
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: how many clicks ended so, and both amounts in micro-units."""

    outcome: str
    reason: str
    clicks: int
    charged: int
    earned: int


def outcomes() -> list[Line]:
    """What became of all clicks so far, most frequent first within each outcome."""
    order = ("counted", "pending", "rejected", "error")
    lines = [Line(*row) for row in fetch(_OUTCOMES)]
    return sorted(lines, key=lambda line: (order.index(line.outcome), -line.clicks))


def money(micros: int) -> str:
    """Micro-units as an amount with two decimals."""
    return f"{micros / 1_000_000:,.2f}" if micros else "-"


class Narrator:
    """Tells visits as they happen; below them a live table on a terminal, elsewhere a summary now and then."""

    def __init__(self, every: int = 25) -> None:
        self._every = every
        self._told = 0
        self._live = _live_table() if sys.stdout.isatty() else None

    def visit(self, who: str, address: str, says: str, answer: str, host: str) -> None:
        """One visit and the answer the visitor got, which never shows the verdict."""
        self._told += 1
        place = urlsplit(host).hostname or host
        text = f"{who:<15} {address:<22} {says:<38} -> {answer} {place}"
        if self._live:
            self._live.console.print(text)
            return
        print(text, flush=True)
        if self._told % self._every == 0:
            self.summary()

    def tell(self, lines: Iterable[str]) -> None:
        """News about the pipelines, set apart from the visits."""
        for line in lines:
            if self._live:
                self._live.console.print(f">> {line}", style="bold", highlight=False)
            else:
                print(f">> {line}", flush=True)

    def summary(self) -> None:
        """The table as plain lines."""
        for line in outcomes():
            amounts = f"charged {money(line.charged):>8}  earned {money(line.earned):>8}"
            print(f"  {line.outcome:<9} {line.reason:<24} {line.clicks:>6}  {amounts}")
        sys.stdout.flush()

    def close(self) -> None:
        """Leave the last table on the screen."""
        if self._live:
            self._live.stop()
        else:
            self.summary()


def _live_table() -> Live:
    from rich.live import Live

    live = Live(refresh_per_second=4, get_renderable=_table)
    live.start()
    return live


def _table() -> Table:
    from rich.table import Table

    table = Table(title="What became of the clicks", title_justify="left", expand=False)
    for name in ("outcome", "reason"):
        table.add_column(name)
    for name in ("clicks", "charged", "earned"):
        table.add_column(name, justify="right")
    colours = {"counted": "green", "rejected": "yellow", "error": "red", "pending": "cyan"}
    with db.connection_context() if db.is_closed() else nullcontext():
        for line in outcomes():
            values = (line.outcome, line.reason, f"{line.clicks:,}", money(line.charged), money(line.earned))
            table.add_row(*values, style=colours[line.outcome])
    return table
