"""Voluum follows a switch, or is put back where a person asks for it."""

from __future__ import annotations

import structlog

from core.domains import steps, voluum_rollback, voluum_step
from core.domains.persons import By, Refused
from models.domain_states import Step
from worker.actor import actor
from worker.domains.endings import conclude
from worker.domains.steps import announce, claimed

log = structlog.get_logger(__name__)


@actor
def update_voluum_campaigns(switch_id: int, roll_back_by: str = "") -> None:
    """Move the campaigns at Voluum to the pipeline's new domain, and prove it by reading them back."""
    if roll_back_by:
        _put_back(switch_id, By(roll_back_by))
        return
    steps.look_again(switch_id)
    if claim := claimed(switch_id, Step.VOLUUM):
        conclude(claim, voluum_step.run(claim))


def roll_back(switch_id: int, by: By) -> None:
    """Have the campaigns that a switch moved put back, in the caller's transaction."""
    update_voluum_campaigns.send_with_options(kwargs={"switch_id": switch_id, "roll_back_by": by.name})


def _put_back(switch_id: int, by: By) -> None:
    try:
        done, total = voluum_rollback.roll_back(switch_id, by)
    except Refused as error:
        log.warning("voluum_not_rolled_back", switch_id=switch_id, error=str(error))
        return
    log.info("voluum_rolled_back", switch_id=switch_id, done=done, total=total)
    announce(switch_id)
