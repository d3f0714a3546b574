"""What `signalbox doctor` says of outside services that are set to be something else than simply used."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor_finding import Finding, warn
from config.services import SERVICES
from config.settings import Settings


def services(settings: Settings) -> Iterator[Finding]:
    """Those that are switched off; nothing where all are used."""
    for name in SERVICES:
        variable = f"{name.upper()}_ENABLED"
        if not getattr(settings, variable.lower()):
            yield warn(name.replace("_", "-"), f"switched off by {variable}", f"{variable}=true")
