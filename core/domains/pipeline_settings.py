"""How a pipeline is watched and how often it may switch, as people set it; each change is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.domains.persons import By, NoPipeline, Refused, record
from core.domains.pipelines import subject
from models import conflicts, pipeline_writes, pipelines
from models.pipeline_writes import Settings
from models.pipelines import hold_still


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be otherwise; `pages` and `gone` are pages behind the pipeline that come and go, `unset` is names."""

    settings: Settings
    pages: Sequence[str] = ()
    gone: Sequence[str] = ()
    unset: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """What of it was said, as the audit log keeps it."""
        texts = {"destinations": self.pages, "without_destinations": self.gone, "unset": self.unset}
        return self.settings.facts() | {name: ", ".join(values) for name, values in texts.items() if values}


def configure(name: str, by: By, wish: Wish) -> None:
    """Change what is wished and leave the rest; raises NoPipeline, or Refused for a page that is not behind it."""
    number = pipelines.find(name.strip())
    if number is None:
        raise NoPipeline(name)
    conflicts.transaction(lambda: _configure(number, by, wish))


def _configure(number: int, by: By, wish: Wish) -> None:
    title = hold_still([number])[number].pipeline.name
    known = {url for _, url, _ in pipeline_writes.destinations([number])}
    if strange := [url for url in wish.gone if url not in known]:
        raise Refused(
            f"destination: {strange[0]} is not behind {title!r}; signalbox pipelines show lists those that are"
        )
    record(by, "pipeline.change", subject(title), **wish.facts())
    pipeline_writes.change([(title, wish.settings)])
    pipeline_writes.unset(number, wish.unset)
    pipeline_writes.add_destinations([(number, url) for url in wish.pages])
    pipeline_writes.drop_destinations(number, wish.gone)
