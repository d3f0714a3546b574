"""Voluum in a dry run: reads go out, a write is logged, and shows when that campaign is read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.dry_run import Overlay, note
from integrations.errors import Conflict
from integrations.voluum import Voluum


class DryVoluum(Voluum):
    """Only the campaign that was written shows it, only where it is read by itself, and only once."""

    dry_run = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.client.reads_only = self._lists.reads_only = True
        self._overlay = Overlay()

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        return self._overlay.over(campaign_id, super().campaign(campaign_id))

    def replace_campaign(
        self, campaign_id: str, raw: dict[str, Any], *, before_write: Callable[[], None] = lambda: None
    ) -> None:
        with self._writer:
            real = super().campaign(campaign_id)
            if real.get("updatedTime") != raw.get("updatedTime"):
                raise Conflict("edited_since", "the campaign was changed after it was read")
            before_write()
            fields = self._overlay.keep(campaign_id, real, raw)
        note("voluum", "campaign", campaign=campaign_id, fields=fields)
