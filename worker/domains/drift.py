"""The look at the platforms: steps opened again where one shows an old domain, and incidents where that is no help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from config.clock import now
from core.domains import drift, dry_runs, platform_looks, steps
from core.domains.drift import Compared
from core.domains.platform_looks import Look
from integrations.errors import OutsideError, Unauthorized
from models import alert_edits, pipelines
from models.database import db
from models.domain_states import Step
from worker import alerts
from worker.actor import actor
from worker.alerts import Severity
from worker.domains import metrics, news
from worker.domains.endings import accept, refuse
from worker.domains.steps import reopened, send

DRIFT, CONFLICT = "drift", "conflict"
log = structlog.get_logger(__name__)


@actor
def check_platform_domains() -> int:
    """Read which domain every campaign and offer shows, put right what drifted, and tell what a person must see."""
    lines = pipelines.all_lines()
    metrics.pipelines(lines)
    news.catch_up()
    return sum(_check(platform) for platform in drift.used(lines))


def _check(platform: str) -> int:
    """How many fields drifted; what could not be read changes nothing."""
    try:
        look = platform_looks.look(platform)
    except OutsideError as error:
        log.warning("platform_not_read", platform=platform, error=type(error).__name__)
        _refused(platform, error)
        return 0
    if look is None:
        log.info("platform_not_read", platform=platform, error="paused, or no account is set")
        return 0
    return _compare(look)


def _compare(look: Look) -> int:
    with db.atomic():
        _accepted(look.platform)
        found = drift.compare(look)
        reopened(found.reopened)
        _tell(found)
    metrics.PLATFORM_DRIFT.labels(found.platform).set(found.drifted)
    log.info("platform_read", platform=found.platform, drifted=found.drifted, reopened=len(found.reopened),
             conflicts=len(found.conflicts), dry_run=dry_runs.on(found.platform))  # fmt: skip
    return found.drifted


def _tell(found: Compared) -> None:
    """An incident is told when it is new, and said again only with other words."""
    _open(DRIFT, found.stuck, Severity.WARNING)
    _open(CONFLICT, found.conflicts, Severity.INFO)
    _close(DRIFT, found.platform, {*found.still, *found.stuck})
    _close(CONFLICT, found.platform, set(found.conflicts))


def _open(kind: str, objects: Mapping[str, Mapping[str, Any]], severity: Severity) -> None:
    known = alert_edits.open_words(kind)
    if fresh := {key: words for key, words in objects.items() if known.get(key) != words}:
        alerts.tell_all(kind, fresh, severity)


def _close(kind: str, platform: str, still: set[str]) -> None:
    over = [key for key in alert_edits.open_words(kind) if key.startswith(f"{platform}:") and key not in still]
    if over:
        alerts.well(kind, *over)


def _refused(platform: str, error: OutsideError) -> None:
    """A refused key pauses the service, as a step that meets it does."""
    if isinstance(error, Unauthorized):
        with db.atomic():
            refuse(platform, str(error))


def _accepted(platform: str) -> None:
    """Whatever waited for the service may go on."""
    if accept(platform):
        for due in steps.wake(Step(platform)):
            send(due, now())
