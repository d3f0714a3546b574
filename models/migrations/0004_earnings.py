"""Finds the earnings of one day without reading the ledger."""

from typing import Any

from models.migrate import apply

INDEX = "create index ledger_entry_earned on ledger_entry (ref_day) where kind = 'earning_day';"


def up(migrator: Any, db: Any) -> None:
    """Create the index."""
    apply(db, INDEX)
