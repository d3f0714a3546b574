"""What is behind the redirect of one process: link table, gate, fallbacks and spool, put together."""

from __future__ import annotations

import structlog

from config.settings import Settings
from core.ads.spool import Spool, SpoolUnavailable
from web import metrics
from web.alarm import Alarm
from web.breaker import Breaker, State
from web.drain import Drain
from web.fallback import Fallback
from web.gate import PATIENCE, Gate, Publisher
from web.inline import Inline, Process
from web.link_table import LinkTable
from web.spooling import Spooling
from worker.publisher import ConfirmPublisher, PublisherState

log = structlog.get_logger(__name__)


class Intake:
    """`process` decides encoded clicks when the broker is down. Start it in the process that serves, after any fork."""

    def __init__(self, settings: Settings, publisher: Publisher, process: Process) -> None:
        self.spool = _spool(settings)
        self.breaker = Breaker(_note)
        self.table = LinkTable()
        self.alarm = Alarm()
        self.fallback = Fallback(
            Inline(process), Spooling(self.spool), waiting_max=max(1, settings.redirect_threads // 2)
        )
        patience = PATIENCE if self.spool else settings.sync_budget_ms / 1000
        self.gate = Gate(publisher, self.fallback, self.breaker, patience=patience)
        _trip_when_blocked(publisher, self.breaker)
        self.drain = Drain(self.spool, publisher.publish, self.breaker) if self.spool else None

    def start(self) -> None:
        """Start the threads; the link table loads in the background, `/readyz` says when it has."""
        self.table.start()
        self.fallback.start()
        self.alarm.start()
        if self.drain:
            self.drain.start()

    def stop(self) -> None:
        """Finish what is under way; to be called when no request is being served any more."""
        self.table.stop()
        self.fallback.stop()
        self.alarm.stop()
        if self.drain:
            self.drain.stop()
        if self.spool:
            self.spool.close()


def _spool(settings: Settings) -> Spool | None:
    if settings.spool_dir is None:
        return None
    spool = Spool(settings.spool_dir, max_bytes=settings.spool_max_mib * 2**20)
    try:
        spool.prepare()
    except SpoolUnavailable as error:
        log.error("spool_directory_not_usable", error=type(error).__name__, errno=error.errno)
    return spool


def _note(state: State) -> None:
    metrics.BREAKER_OPEN.set(0 if state is State.CLOSED else 1)
    log.warning("breaker_changed", role="redirect", state=state.value)


def _trip_when_blocked(publisher: Publisher, breaker: Breaker) -> None:
    """An alarm of the broker opens the breaker at once; the embedded publisher knows no alarms."""
    if isinstance(publisher, ConfirmPublisher):
        publisher.on_state_change.append(lambda state: breaker.trip() if state is PublisherState.BLOCKED else None)
