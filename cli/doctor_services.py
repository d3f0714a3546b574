"""What `signalbox doctor` says of outside services that are set to be something else than simply used."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor_finding import Finding, warn
from config.services import SERVICES
from config.settings import Settings

_DRY = {"voluum": "nothing is written", "affise": "nothing is written", "telegram": "nobody is told anything"}


def services(settings: Settings) -> Iterator[Finding]:
    """Those that are switched off, and those that are not written to; nothing where all are used."""
    for name in SERVICES:
        variable = f"{name.upper()}_ENABLED"
        if not getattr(settings, variable.lower()):
            yield warn(name.replace("_", "-"), f"switched off by {variable}", f"{variable}=true")
    for name, what in _DRY.items():
        variable = f"{name.upper()}_DRY_RUN"
        if getattr(settings, variable.lower()):
            yield warn(name, f"{variable} is on: {what}", f"{variable}=false")
