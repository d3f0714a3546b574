"""What both engines of the archive know: the tables that go by the day, their keys, and what a day adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from models.database import fetch
from models.fields import bind

KEYS = {
    "stats_daily": ("day", "informer_id", "offer_id"),
    "impression_daily": ("day", "informer_id", "offer_id", "is_social"),
    "block_view_daily": ("day", "informer_id"),
    "click": ("click_day", "click_id"),
    "click_error": ("click_day", "click_id"),
}
"""Tables that leave the live ones by the day, with their primary keys; the first column is the day."""

DAY_OF = {table: key[0] for table, key in KEYS.items()} | {"click_rejected": "click_day"}
_WITH_MONEY = ("stats_daily", "click")
_TOTALS = "select count(*) from {place} where {day} = %s"
_TOTALS_WITH_MONEY = """
select count(*), coalesce(sum(advertiser_cost), 0), coalesce(sum(partner_cost), 0) from {place} where {day} = %s
"""


class ArchiveInUse(RuntimeError):
    """Another process is at the archive; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("another process is working on the archive; try again when it has finished")


@dataclass(frozen=True, slots=True)
class Totals:
    """What a table of one day holds; money in micro-units."""

    rows: int
    advertiser_cost: int = 0
    partner_cost: int = 0


def named(template: str, **names: str) -> str:
    """The statement with tables and columns in place of `{…}`; all of them are constants of the program or schema."""
    for name, text in names.items():
        template = template.replace(f"{{{name}}}", text)
    return template


def totals_of(table: str, place: str, day: date) -> Totals:
    """Rows and money of a day of this table, which lie in `place`."""
    query = _TOTALS_WITH_MONEY if table in _WITH_MONEY else _TOTALS
    row = fetch(named(query, place=place, day=DAY_OF[table]), (bind(day),))[0]
    return Totals(*map(int, row))
