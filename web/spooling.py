"""The last resort of a click: a line on the local disk; and whether that resort can be relied on right now."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from config.clock import monotonic
from core.ads.spool import Spool, SpoolUnavailable

SUSPECT_SECONDS = 1.0
APPEND_TIMEOUT = 1.0
log = structlog.get_logger(__name__)


class Spooling:
    """A spool that may be absent; failures are answers here, because the visitor is sent on in any case."""

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._suspect_until = float("-inf")

    def healthy(self) -> bool:
        """False without a spool, and for a second after a line could not be written."""
        return self._spool is not None and monotonic() >= self._suspect_until

    def append(self, bodies: Sequence[bytes]) -> bool:
        """True once all clicks are safe on the disk."""
        if self._spool is None:
            return False
        try:
            self._spool.append(bodies, APPEND_TIMEOUT)
        except SpoolUnavailable as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: SpoolUnavailable) -> None:
        if self.healthy():
            log.error("spool_write_failed", error=type(error).__name__, errno=error.errno)
        self._suspect_until = monotonic() + SUSPECT_SECONDS
