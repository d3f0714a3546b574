"""What operators read of a switch: from where to where, why and how sure, who follows, what is left."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.domain_states import Step, StepState
from models.dry_marks import MARK, marked
from models.switch_news import Made, Proof, StepFacts

PROVIDERS = {"safebrowsing-v5": "Google Safe Browsing", "webrisk": "Google Web Risk"}
BY_HAND = "by hand: links pasted into ad networks and pages that embed the script"
_OBJECTS = {Step.VOLUUM: "campaigns", Step.AFFISE: "offers"}
_COURSE = {
    StepState.PARTIAL: ", the rest failed",
    StepState.FAILED: ", FAILED",
    StepState.SUPERSEDED: ", left to the next switch",
}


def headline(switched: Made) -> str:
    """The first line, which must make sense on a lock screen by itself."""
    return f"{switched.pipeline}: {switched.source or 'nothing'} -> {switched.to or 'nothing left'}"


def reason(switched: Made, proof: Proof | None) -> str:
    """Why, who says so, and how sure that is."""
    if proof is None:
        return f"Reason: {switched.reason} (by {switched.actor})"
    provider = PROVIDERS.get(proof.provider, proof.provider)
    return f"Reason: suspected {_suspicion(proof)} ({provider}, {_sureness(proof)}; lists can err)"


def _suspicion(proof: Proof) -> str:
    if proof.source == "dns":
        return f"not to resolve: {proof.subject}"
    threats = [str(each) for each in proof.detail.get("threats", ())]
    return f"{', '.join(threats) or 'unsafe'} on {proof.subject}"


def _sureness(proof: Proof) -> str:
    if proof.answers < 2:
        return "signed answer" if proof.source == "gsc" else "seen once"
    return f"confirmed {proof.answers}x, {proof.seconds} s apart"


def platforms(
    switched: Made, steps: Mapping[Step, StepFacts], *, waits: bool, dry: Collection[Step] = ()
) -> list[str]:  # fmt: skip
    """How far the platforms have followed; `waits` if a person has to agree at Affise, `dry` are not written to now."""
    texts = [
        f"{step.value.capitalize()}: {_course(steps[step], waits)}{_rehearsed(steps[step], dry)}"
        for step in _OBJECTS
        if _needed(steps, step)
    ]
    if switched.to is None and switched.with_voluum:
        texts.insert(0, "Voluum: left alone, there is nothing to point it at")
    return texts


def _needed(steps: Mapping[Step, StepFacts], step: Step) -> bool:
    return step in steps and steps[step].state is not StepState.NOT_NEEDED


def _course(facts: StepFacts, waits: bool) -> str:
    objects = _OBJECTS[facts.step]
    count = f"{facts.done}/{facts.total} {objects}"
    if facts.step is Step.AFFISE and waits:
        return f"{facts.total} {objects} wait for a person to agree"
    if facts.state is StepState.DONE:
        return count if facts.total else "nothing to change"
    return (count if facts.total else "waiting") + (_COURSE.get(facts.state) or _trying(facts))


def _rehearsed(facts: StepFacts, dry: Collection[Step]) -> str:
    """What has ended says how it did, what is under way how it would."""
    under_way = facts.state in (StepState.PENDING, StepState.RUNNING)
    return f", {MARK}" if (facts.step in dry if under_way else marked(facts.error)) else ""


def _trying(facts: StepFacts) -> str:
    if facts.error is None:
        return ""
    return f", retrying ({facts.attempts})"


def footing(switched: Made, undo_until: datetime | None, zone: str) -> str:
    """Which switch this is, how it came about, and until when it may be taken back."""
    parts = [f"switch #{switched.seq} ({switched.trigger.value})"]
    if switched.unverified and switched.to:
        parts.append(f"{switched.to} is not proven yet")
    if undo_until is not None:
        parts.append(f"undo until {undo_until.astimezone(ZoneInfo(zone)):%H:%M:%S}")
    return ", ".join(parts)


def payload(
    switched: Made, proof: Proof | None, steps: Mapping[Step, StepFacts], *, left: str, waits: bool,
    undo_until: datetime | None, zone: str, dry: Collection[Step] = (),
) -> dict[str, Any]:  # fmt: skip
    """The words of an incident about a switch."""
    return {
        "object": headline(switched),
        "happened": reason(switched, proof),
        "done": [*platforms(switched, steps, waits=waits, dry=dry), *([BY_HAND] if switched.source else [])],
        "left": left,
        "evidence": footing(switched, undo_until, zone),
    }
