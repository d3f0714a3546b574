"""How one attempt at a step of a switch ended, as facts for whoever sends messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.domain_states import StepState


class Then(StrEnum):
    """What follows an attempt."""

    END = "end"
    """The step is over: done, partial or failed."""
    RETRY = "retry"
    """It failed for a passing cause; try again as the plan says."""
    WAIT = "wait"
    """It was asked to wait, which counts as no try."""
    REFUSED = "refused"
    """The platform refuses our key; look again now and then."""
    GIVE_WAY = "give_way"
    """A newer switch or another worker has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An attempt; `done` of `total` objects are proved, `reached` if the platform accepted our key.

    `wrote`: the last write may have come too late. `stopped`: a write had an effect that it may not have.
    `troubles` are objects that did not follow, `mentions` fields that name an old domain and are only reported.
    """

    then: Then
    state: StepState = StepState.DONE
    done: int = 0
    total: int = 0
    error: str = ""
    seconds: float = 0.0
    reached: bool = False
    wrote: bool = False
    stopped: bool = False
    troubles: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
