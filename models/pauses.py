"""Outside services that refuse us: no calls until one of them succeeds again; one row for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.database import execute, fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Pause:
    """Why and since when a service is not called."""

    service: str
    reason: str
    since: datetime


_ADD = "insert into integration_pause (service, reason, since) values (%s, %s, %s) on conflict (service) do nothing"


def find(service: str) -> Pause | None:
    """The pause of a service, if it is paused."""
    return next((pause for pause in every() if pause.service == service), None)


def every() -> list[Pause]:
    """All pauses, by service."""
    rows = fetch("select service, reason, since from integration_pause order by service")
    return [Pause(service, reason, instant(since)) for service, reason, since in rows]


def add(service: str, reason: str, at: datetime) -> bool:
    """Pause a service; False if it is paused already."""
    return execute(_ADD, (service, reason, bind(at))) == 1


def remove(service: str) -> bool:
    """End a pause; False if there is none."""
    return execute("delete from integration_pause where service = %s", (service,)) == 1
