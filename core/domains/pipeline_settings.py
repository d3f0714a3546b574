"""How a pipeline is watched and how often it may switch, as people set it; each change is on record."""

from __future__ import annotations

from collections.abc import Sequence

from core.domains.persons import By, NoPipeline, record
from core.domains.pipelines import subject
from models import conflicts, pipeline_writes, pipelines
from models.pipeline_writes import Settings
from models.pipelines import hold_still


def configure(name: str, by: By, settings: Settings, pages: Sequence[str] = ()) -> None:
    """Change settings of a pipeline and add pages behind it; what is not given stays. Raises NoPipeline."""
    number = pipelines.find(name.strip())
    if number is None:
        raise NoPipeline(name)
    conflicts.transaction(lambda: _configure(number, by, settings, pages))


def _configure(number: int, by: By, settings: Settings, pages: Sequence[str]) -> None:
    title = hold_still([number])[number].pipeline.name
    facts = settings.facts() | ({"destinations": ", ".join(pages)} if pages else {})
    record(by, "pipeline.change", subject(title), **facts)
    pipeline_writes.change([(title, settings)])
    if pages:
        pipeline_writes.add_destinations([(number, url) for url in pages])
