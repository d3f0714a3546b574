"""The line of spares: checked, lost, warned of in time; and blocked domains on their way back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import structlog

from config.clock import now
from core import buttons
from core.domains import expiry, pipelines, rechecks, spare_checks
from core.domains.persons import By
from core.domains.rechecks import Due
from core.domains.spare_checks import Lost, Outcome
from integrations.errors import Unavailable
from models import pipelines as lines
from models import returns, spares
from models.answers import Finding
from models.conflicts import transaction
from models.domain_states import Reason, Role
from models.roles import Unblocked
from models.spares import Watched
from worker import alerts
from worker.actor import actor
from worker.alerts import Severity
from worker.domains import metrics
from worker.domains.blocking import block_active_tracking_domain
from worker.domains.steps import follow

DOUBTED = "spares_doubted"
log = structlog.get_logger(__name__)


@actor
def check_spare_tracking_domains() -> int:
    """Check spares as strictly as active domains, pages hourly, registrations daily; drop bad spares, warn in time."""
    with metrics.CHECK_SECONDS.labels("spares").time():
        looked = spare_checks.look()
    outcome = transaction(lambda: _done(spare_checks.note(looked)))
    _count("spares", looked.findings)
    log.info("spares_checked", answers=len(looked.findings), lost=len(outcome.lost), filled=len(outcome.filled))
    return len(outcome.lost)


@actor
def check_blocked_tracking_domains() -> int:
    """Look at every blocked domain once more and let those return that were clean for long enough."""
    with metrics.CHECK_SECONDS.labels("blocked").time():
        looked = rechecks.look()
    due = transaction(lambda: _sent(rechecks.note(looked)))
    _count("blocked", looked.findings)
    log.info("blocked_checked", clean=len(looked.clean), bad=len(looked.dirty), due=len(due.unblock))
    return len(due.unblock)


@actor
def unblock_blocked_tracking_domain(domain: str) -> None:
    """Give a domain that is safe again back to every pipeline that has blocked it, after one more live look."""
    name = domain.strip().lower().removesuffix(".")
    looked = rechecks.look_at(name)
    freed = transaction(lambda: _told(rechecks.give_back(name, looked)))
    log.info("domain_unblocked" if freed else "domain_not_unblocked", domain=name, pipelines=len(freed))
    if rechecks.unknown(looked):
        raise Unavailable("nobody could tell whether the domain is clean", sent=True)


def unblock_by_hand(domain: str, reason: str, by: By, *, force: bool = False) -> list[Unblocked]:
    """Let a person unblock a domain, with all that follows; raises as `core.domains.pipelines.unblock`."""

    def work() -> list[Unblocked]:
        freed = pipelines.unblock(domain, reason, by, force=force)
        follow(*(one.switch for one in freed if one.switch))
        settle()
        return freed

    return transaction(work)


def _count(check: str, findings: Iterable[Finding]) -> None:
    metrics.checked(check, Counter(one.verdict.value for one in findings))


def _done(outcome: Outcome) -> Outcome:
    """Send what follows a sweep, in its transaction."""
    alerts.tell_all("spare_lost", {one.domain: _lost(one) for one in outcome.lost}, Severity.WARNING)
    _doubt(outcome.doubted)
    follow(*outcome.filled)
    for name, evidence_id in outcome.refused:
        arguments = {"domain": name, "reason": Reason.TLS_INVALID.value, "evidence_id": evidence_id}
        block_active_tracking_domain.send_with_options(kwargs=arguments, dedupe_key=f"block:{name}:tls")
    _warn(outcome.domains)
    if outcome.again is not None:
        delay = int(outcome.again * 1000)
        check_spare_tracking_domains.send_with_options(kwargs={}, delay=delay, dedupe_key="spares:again")
    return outcome


def _lost(lost: Lost) -> dict[str, object]:
    threats = ", ".join(lost.finding.detail.get("threats", ())) or "a threat"
    said = f"suspected {threats} ({lost.finding.provider}, confirmed 2x; lists can err)"
    if lost.reason is Reason.DNS_NOT_RESOLVABLE:
        said = f"suspected not to resolve (denied by {', '.join(lost.finding.detail.get('negative', ()))}, twice)"
    return {
        "object": f"{lost.pipeline}: {lost.domain}", "happened": said, "done": "blocked; the active domain stays",
        "left": f"spares left: {lost.left}", "domain": lost.domain, "pipeline": lost.pipeline,
    }  # fmt: skip


def _doubt(names: Sequence[str]) -> None:
    """Tell once that so many spares are said to be bad that none of them is dropped, and when that is over."""
    if not names:
        alerts.settle(DOUBTED)
    elif not spares.open_incidents([DOUBTED]):
        alerts.tell(DOUBTED, "all", Severity.WARNING, **_doubted(names))


def _doubted(names: Sequence[str]) -> dict[str, object]:
    return {
        "object": f"{len(names)} spares",
        "happened": "suspected by lists or resolvers, which can err; so many at once are more often a fault of ours",
        "done": "none of them is dropped, and none is put to work while it is suspected",
        "left": "see whether the checks can be believed; remove what is truly bad by hand",
        "names": list(names),
    }


def _warn(domains: Sequence[Watched]) -> None:
    """Raise what is new and close what is over; what is open already is told already."""
    told = spares.open_incidents(expiry.KINDS)
    wanted = expiry.warnings(domains, now())
    groups: dict[tuple[str, Severity], dict[str, dict[str, object]]] = defaultdict(dict)
    for one in wanted:
        if one.fresh and (one.kind, one.key) not in told:
            groups[one.kind, one.severity][one.key] = one.payload
    for (kind, severity), objects in groups.items():
        alerts.tell_all(kind, objects, severity)
    over = sorted(told - {(one.kind, one.key) for one in wanted})
    for kind in dict.fromkeys(kind for kind, _ in over):
        alerts.well(kind, *(key for each, key in over if each == kind))


def _sent(due: Due) -> Due:
    for name in due.unblock:
        unblock_blocked_tracking_domain.send_with_options(kwargs={"domain": name}, dedupe_key=f"unblock:{name}")
    told = {key for _, key in spares.open_incidents(["safe_again"])}
    news = {name: _by_hand(name) for name in due.by_hand if name not in told}
    alerts.tell_all("safe_again", news, Severity.INFO)
    settle()
    return due


def _by_hand(name: str) -> dict[str, object]:
    happened = "clean again, twice and for hours; a person has blocked it, so a person decides"
    return {"object": name, "happened": happened, "left": f"signalbox domains unblock {name} --reason ..."}


def settle() -> None:
    """What was told of a domain that is blocked or parked is over when it is that no more."""
    blocked = [name for _, name in returns.watched()]
    alerts.settle("spare_lost", blocked)
    alerts.settle("safe_again", blocked)
    alerts.settle("parked", [f"{domain}/{pipeline}" for domain, pipeline in spares.parked()])


def _told(freed: list[Unblocked]) -> list[Unblocked]:
    """Send what follows an unblocking, in its transaction."""
    follow(*(one.switch for one in freed if one.switch))
    kept = [one for one in freed if one.role is Role.PARKED]
    names = _names(one.pipeline_id for one in kept)
    objects = {f"{one.domain}/{names[one.pipeline_id]}": names[one.pipeline_id] for one in kept}
    alerts.tell_all("parked", {key: _parked(key, pipeline) for key, pipeline in objects.items()}, Severity.WARNING)
    if freed:
        settle()
    return freed


def _parked(key: str, pipeline: str) -> dict[str, object]:
    row = [buttons.button("Return to work", "return_to_work", key), buttons.button("Keep out", "keep_out", key)]
    return {
        "object": f"{pipeline}: {key.partition('/')[0]}", "happened": "safe again and no longer blocked",
        "done": "parked: this pipeline takes no domain back by itself", "left": "return it to work, or keep it out",
        "buttons": [row],
    }  # fmt: skip


def _names(pipeline_ids: Iterable[int]) -> dict[int, str]:
    return {line.pipeline.id: line.pipeline.name for line in lines.lines(pipeline_ids)}
