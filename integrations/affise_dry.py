"""Affise in a dry run: reads go out, an edit is logged, and shows when that offer is read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations.affise import Affise, check_editable
from integrations.dry_run import Overlay, note


class DryAffise(Affise):
    """Only the offer that was edited shows it, only where it is read by itself, and only once."""

    dry_run = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.client.reads_only = self._lists.reads_only = self._writes.reads_only = True
        self._overlay = Overlay()

    def offer(self, offer_id: int) -> dict[str, Any]:
        return self._overlay.over(str(offer_id), super().offer(offer_id))

    def edit_offer(
        self, offer_id: int, changes: Mapping[str, str], *, before_write: Callable[[], None] = lambda: None
    ) -> None:
        check_editable(changes)
        real = super().offer(offer_id)
        before_write()
        fields = self._overlay.keep(str(offer_id), real, changes)
        note("affise", "offer", offer=int(offer_id), fields=fields)
