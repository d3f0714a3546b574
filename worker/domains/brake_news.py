"""What brakes leave behind: holds, proposals, and incidents that say which brake it was and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core import buttons
from core.buttons import Action, Wanted
from core.domains import block_words, holds, proposals
from core.domains.block_words import EVERYTHING
from core.domains.blocking import Judged
from core.domains.brakes import Hold, Ignore, Propose
from core.domains.cases import Case
from models import alert_edits, pipelines
from models.incidents import Incident
from models.pipelines import Line
from models.proposals import Proposal
from worker import alerts
from worker.alerts import Severity

HELD, UNSAFE, UNKNOWN, BLIND = "held", "unsafe", "unknown", "checker_blind"


def hold(found: Judged, decision: Hold) -> None:
    """Put the hold on, if it is a new one, and tell why nobody is switched, in the caller's transaction."""
    if decision.new == EVERYTHING:
        holds.hold_all_by_itself(decision.reason)
    elif decision.new:
        holds.hold_by_itself(_case(found).pipeline_id, decision.reason)
    line = _line(found)
    key = block_words.key_of(decision, line)
    standing = open_one(HELD, key)
    # the message keeps the buttons that it has, for a new hold is noted with every domain that it holds back
    row = (standing and standing.payload.get("buttons")) or [buttons.make([_release(key)])]
    alerts.tell(HELD, key, Severity.CRITICAL, **block_words.held(found, decision, line), buttons=row)


def _release(key: str) -> Wanted:
    if key == EVERYTHING:
        return Wanted("Release all", Action.RELEASE_ALL, "")
    return Wanted("Release", Action.RELEASE_PIPELINE, key)


def propose(found: Judged, decision: Propose) -> None:
    """Ask a person, in the caller's transaction."""
    _ask(found, block_words.proposed(found, _line(found)), _accepting)


def ignore(found: Judged, decision: Ignore) -> None:
    """Tell what a brake tells while nothing is done, in the caller's transaction."""
    if decision.incident == UNSAFE:
        _ask(found, block_words.watched(found, _line(found)), _ignoring)
    elif decision.incident == BLIND:
        blind(found)
    elif decision.incident == UNKNOWN:
        words = block_words.undecided(found, _line(found))
        alerts.tell(UNKNOWN, found.call.domain, Severity.WARNING, **words)
    elif decision.reason == "unconfirmed":
        alerts.well(UNKNOWN, found.call.domain)


def blind(found: Judged) -> None:
    """Tell that the second answer cannot be believed, unless that is told already; the checks end it."""
    key = block_words.blind_key(found)
    if open_one(BLIND, key) is None:
        alerts.tell(BLIND, key, Severity.WARNING, **block_words.blind(found))


def _ask(found: Judged, words: Mapping[str, Any], wanted: Callable[[Proposal], Sequence[Wanted]]) -> None:
    """Raise the incident of a proposal once; a new one about the same domain is told anew, even if that was seen."""
    domain = found.call.domain
    opened = proposals.open_(_case(found), found.call.reason, found.call.evidence_id)
    if opened is None:
        return
    proposal, fresh = opened
    if fresh or open_one(UNSAFE, domain) is None:
        alerts.well(UNSAFE, domain)
        alerts.tell(UNSAFE, domain, Severity.CRITICAL, **words, buttons=[buttons.make(wanted(proposal))])


def _accepting(proposal: Proposal) -> list[Wanted]:
    accept = Wanted("Switch", Action.ACCEPT_PROPOSAL, str(proposal.id), str(proposal.expected_seq), proposals.HOURS)
    return [accept, *_ignoring(proposal)]


def _ignoring(proposal: Proposal) -> list[Wanted]:
    text = f"Ignore {proposals.HOURS:.0f} h"
    return [Wanted(text, Action.IGNORE_PROPOSAL, str(proposal.id), str(proposal.expected_seq), proposals.HOURS)]


def open_one(kind: str, key: str) -> Incident | None:
    """The open incident of an object."""
    found = alert_edits.latest(kind, key)
    return found if found and found.open else None


def _line(found: Judged) -> Line:
    return pipelines.line(_case(found).pipeline_id)


def _case(found: Judged) -> Case:
    assert found.case is not None, "a brake is about a pipeline"
    return found.case
