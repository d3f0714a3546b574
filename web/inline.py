"""Processing clicks in this process when the broker is down: paced, bounded in time, and off while the database is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from config.clock import monotonic
from config.settings import Settings
from core.ads.clicks import ClickMessage, Flag
from models.database import DATABASE_DOWN, ensure_connection, statement_timeout_ms
from web.breaker import Breaker

GROUPS_PER_SECOND = 20
STATEMENT_MS = 100
HANGING_SECONDS = 0.1
log = structlog.get_logger(__name__)

Process = Callable[[Sequence[bytes]], None]


class Inline:
    """At most 20 groups per second, evenly spaced, so that the fallback never drowns a sick database.

    `process` decides encoded clicks and commits; whatever it raises means that they are not safe.
    """

    def __init__(self, process: Process, *, groups_per_second: int = GROUPS_PER_SECOND) -> None:
        self._process = process
        self._spacing = 1 / groups_per_second
        self._health = Breaker()
        self._started: float | None = None
        self._next_at = 0.0

    def enter_thread(self) -> None:
        """Limit every transaction of the calling thread."""
        statement_timeout_ms.set(STATEMENT_MS)

    def ready(self) -> bool:
        """False while the database failed a moment ago, or lets the group under way hang."""
        started = self._started
        hanging = started is not None and monotonic() - started > HANGING_SECONDS
        return self._health.would_allow() and not hanging

    def pause(self) -> None:
        """Wait until the next group may run; others join it meanwhile."""
        wait = self._next_at - monotonic()
        if wait > 0 and self._health.would_allow():
            time.sleep(wait)

    def process(self, bodies: Sequence[bytes]) -> bool:
        """Decide these clicks and commit; False if that failed or may not be tried now."""
        if monotonic() < self._next_at or not self._health.allows():
            return False
        self._started = monotonic()
        self._next_at = self._started + self._spacing
        try:
            self._run(bodies)
        finally:
            self._started = None
        return self._health.would_allow()

    def _run(self, bodies: Sequence[bytes]) -> None:
        try:
            self._process(bodies)
        except DATABASE_DOWN as error:
            log.warning("inline_processing_failed", clicks=len(bodies), error=type(error).__name__)
            self._health.trip()
        except Exception:
            # not the database's trouble but ours; the spool keeps the clicks for a worker, which parks what is bad
            log.exception("inline_processing_broke", clicks=len(bodies))
            self._health.trip()
        else:
            self._health.succeeded(0.0)


def admission(settings: Settings) -> Process:
    """Decide clicks by the same rules as the workers, on a live connection of the calling thread."""
    from core.ads.admission import admit
    from core.ads.local_adload import LocalAdLoad
    from integrations import adload
    from worker.metrics import count_clicks

    charger = adload.make(settings) or LocalAdLoad()

    def process(bodies: Sequence[bytes]) -> None:
        clicks = [_flagged(msgspec.json.decode(body, type=ClickMessage)) for body in bodies]
        ensure_connection()
        count_clicks(admit(clicks, charger, mode="sync").counts, "redirect")

    return process


def _flagged(click: ClickMessage) -> ClickMessage:
    return msgspec.structs.replace(click, flags=click.flags | Flag.INLINE)
