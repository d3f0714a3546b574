"""Voluum follows a switch."""

from __future__ import annotations

from core.domains import voluum_step
from models.domain_states import Step
from worker.actor import actor
from worker.domains.endings import conclude
from worker.domains.steps import claimed


@actor
def update_voluum_campaigns(switch_id: int) -> None:
    """Move the campaigns at Voluum to the pipeline's new domain, and prove it by reading them back."""
    claim = claimed(switch_id, Step.VOLUUM)
    if claim is not None:
        conclude(claim, voluum_step.run(claim))
