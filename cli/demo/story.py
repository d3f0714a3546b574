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

# the made-up visitors have addresses of their own, so whoever comes from this machine is a person
_OWN = """
select click_id, 'counted' from click where ip = '127.0.0.1' and state = 'done'
union all select click_id, 'rejected, ' || reason_code from click_rejected where ip = '127.0.0.1' order by 1
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

    def __init__(self, hint: str = "", every: int = 25) -> None:
        self._every = every
        self._told = 0
        self._own: set[str] = set()
        self._live = _live_table(hint) if sys.stdout.isatty() else None

    def visit(self, who: str, address: str, says: str, answer: str, host: str) -> None:
        """One visit and the answer the visitor got, which never shows the verdict."""
        self._told += 1
        place = urlsplit(host).hostname or host
        text = f"{who:<14} {address:<15} {says:<24} -> {answer} {place}"
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

    def tell_own(self) -> None:
        """Clicks of the person who watches, by their ids."""
        for click_id, verdict in fetch(_OWN):
            if click_id not in self._own:
                self._own.add(click_id)
                self.tell([f"YOUR CLICK  {click_id}  {verdict}"])

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


def _live_table(hint: str) -> Live:
    """The table, and below it what is not to be scrolled away."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    live = Live(refresh_per_second=4, get_renderable=lambda: Group(_table(), Text(hint)))
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
