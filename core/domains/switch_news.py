"""The news of a switch: one incident each, whose message is told once and follows what becomes of the switch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from config.clock import now
from config.settings import get_settings
from core import alerts, announcing, buttons
from core.alerts import Severity
from core.announcing import Told
from core.buttons import Action, Wanted
from core.domains import dry_runs, spares, steps, switch_text, undo
from core.domains.steps import Claim
from models import alert_edits, incidents, switch_news
from models.conflicts import transaction
from models.domain_states import Step, StepState, Trigger
from models.incidents import Incident
from models.switch_news import Made

SWITCHED, EXHAUSTED = "switched", "exhausted"
UNDO = "Undo switch"


class NotYet(Exception):
    """Another attempt to tell is under way."""


def kind_of(switched: Made) -> str:
    """The kind of the incident that tells of a switch."""
    return SWITCHED if switched.to else EXHAUSTED


def key_of(pipeline_id: int, seq: int) -> str:
    """The key of that incident."""
    return f"{pipeline_id}:{seq}"


def find(switch_id: int) -> Made | None:
    """A switch that operators are told of; None if there is none, or it only created its pipeline."""
    found = switch_news.find(switch_id)
    return None if found is None or found.trigger is Trigger.CREATE else found


def note(switched: Made) -> list[int]:
    """Open the incident of a switch, or let it say how things stand, in the caller's transaction.

    Ids of rows to announce beside the first telling, which is the switch's own business. What is over stays over.
    """
    switch_news.hold_still(switched.id)
    incident = alert_edits.latest(kind_of(switched), key_of(switched.pipeline_id, switched.seq))
    if incident is None:
        return _raise(switched)
    if switched.announced_at is None and _message(incident):
        switch_news.revive(switched.id, now())  # after a long silence the chat was told by way of the incident
    words = _words(switched) | {"buttons": _kept(incident, switched)}
    return alert_edits.rewrite(incident.id, words) if incident.open and words != incident.payload else []


def _raise(switched: Made) -> list[int]:
    """A storm speaks for it with a message that many ask for, so that is left to whoever announces storms."""
    severity = Severity.WARNING if switched.to else Severity.CRITICAL
    words = _words(switched) | {"buttons": [buttons.make(_wanted(switched))]}
    ids = alerts.raise_alert(kind_of(switched), key_of(switched.pipeline_id, switched.seq), severity, words)
    return ids if _incident(switched).group_id else []


def _wanted(switched: Made) -> list[Wanted]:
    hold = Wanted("Hold failover", Action.HOLD_PIPELINE, switched.pipeline)
    left = _undo_until(switched)
    if left is None:
        return [hold]
    hours = (left - now()).total_seconds() / 3600
    return [hold, Wanted(UNDO, Action.UNDO_SWITCH, str(switched.id), str(switched.seq), hours)]


def _kept(incident: Incident, switched: Made) -> list[list[dict[str, Any]]]:
    """The buttons that the message has, without one that would be refused."""
    given: list[list[dict[str, Any]]] = incident.payload.get("buttons", [])
    lives = _undo_until(switched) is not None
    return [[one for one in row if lives or one.get("text") != UNDO] for row in given]


def _undo_until(switched: Made) -> datetime | None:
    """Until when a switch may be taken back; None if it may not, or not any more."""
    wrong = switched.source_id is None or switched.seq != switched.newest
    if wrong or not undo.in_time(switched.decided_at, now()) or switch_news.suspected([switched.source_id or 0]):
        return None
    return switched.decided_at + undo.LASTS


def _words(switched: Made) -> dict[str, Any]:
    return switch_text.payload(
        switched, switch_news.proof(switched), switch_news.steps(switched.id), left=spares.left(switched.pipeline_id),
        waits=switch_news.waits_for_approval(switched.id), undo_until=_undo_until(switched),
        zone=get_settings().local_timezone, dry=[step for step in Step if dry_runs.on(step.value)],
    )  # fmt: skip


def tell(switched: Made, claim: Claim) -> Told:
    """Bring the message out and finish the step; raises an outcome, or NotYet. No transaction may be open."""
    incident = _incident(switched)
    result = Told.DONE if _told_in_storm(incident) else announcing.announce(incident.id)
    if result is Told.TAKEN:
        raise NotYet
    message = None if result is Told.NO_BOT else _message(_incident(switched))
    transaction(lambda: _finish(claim, message))
    return result


def _told_in_storm(incident: Incident) -> bool:
    storm = incidents.find(incident.group_id) if incident.group_id else None
    return storm is not None and storm.announced_at is not None


def unfinished() -> list[int]:
    """Switches whose incident is open."""
    return switch_news.with_open_incident((SWITCHED, EXHAUSTED))


def told_of(switched: Made) -> list[int]:
    """The row that speaks for a switch."""
    return [_incident(switched).id]


def _incident(switched: Made) -> Incident:
    found = alert_edits.latest(kind_of(switched), key_of(switched.pipeline_id, switched.seq))
    assert found is not None, "noted before"
    return found


def _message(incident: Incident) -> tuple[int, int] | None:
    """The chat and the message that tell of an incident; None if its kind is not to be heard of now."""
    speaker = incidents.find(incident.group_id) if incident.group_id else incident
    if speaker is None or speaker.chat_id is None or speaker.message_id is None:
        return None
    return speaker.chat_id, speaker.message_id


def _finish(claim: Claim, message: tuple[int, int] | None) -> None:
    steps.finish(claim, StepState.DONE, done=1, total=1)
    switch_news.told(claim.switch_id, message, now())


def close(switched: Made) -> list[int]:
    """End the incidents of a pipeline's switches that are through, in the caller's transaction; ids to announce."""
    number, since = switched.pipeline_id, now() - undo.LASTS
    through = {key_of(number, seq) for seq in switch_news.over(number, since)}
    ended = alerts.resolve(SWITCHED, *sorted(through & set(alert_edits.open_words(SWITCHED))))
    if not switch_news.has_domain(number):
        return ended
    dry = [key for key in alert_edits.open_words(EXHAUSTED) if key.startswith(f"{number}:")]
    return [*ended, *alerts.resolve(EXHAUSTED, *dry)]
