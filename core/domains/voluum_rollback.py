"""Taking back what a step wrote at Voluum, where nobody has touched it since."""

from __future__ import annotations

from config.clock import now
from config.services import why_missing
from config.settings import get_settings
from core.domains import platform_plan as plans
from core.domains import platforms
from core.domains.persons import AlreadyChanged, By, Refused, record
from core.domains.voluum_items import SERVICE, planned_change, seen
from integrations.errors import Conflict, OutcomeUnknown
from integrations.voluum import Voluum
from models import changes, observations, steps
from models.changes import Item
from models.conflicts import transaction
from models.database import db
from models.domain_states import ChangeState, Step, StepState

_WRITTEN = (ChangeState.VERIFIED, ChangeState.APPLIED, ChangeState.FAILED)
_RUNNING = (StepState.PENDING, StepState.RUNNING)


def roll_back(switch_id: int, by: By) -> tuple[int, int]:
    """Put campaigns back on the domain they were on before a switch, if they still show the one it gave them.

    (put back, of how many); raises AlreadyChanged when a newer switch was made, Refused while the step is under way.
    """
    account = platforms.voluum()
    if account is None:
        why = why_missing(get_settings(), SERVICE, "set VOLUUM_ACCESS_ID and VOLUUM_ACCESS_KEY first")
        raise Refused(f"voluum: {why}")
    if account.dry_run:
        raise Refused("voluum: VOLUUM_DRY_RUN is on, so that nothing can be put back")
    _check(switch_id)
    with db.atomic():
        record(by, "voluum.rollback", f"switch:{switch_id}")
    items = changes.items(switch_id, SERVICE, _WRITTEN)
    return sum(_back(account, switch_id, item) for item in items), len(items)


def _check(switch_id: int) -> None:
    pipeline_id, state = steps.standing(switch_id, Step.VOLUUM)
    if steps.newest(pipeline_id) != switch_id:
        raise AlreadyChanged("switch: a newer one was made; undo that one")
    if state in _RUNNING:
        raise Refused("voluum: the step is under way; wait until it has ended")


def _back(account: Voluum, switch_id: int, item: Item) -> bool:
    """Whether the campaign, read back, shows again what it showed before."""
    raw = account.campaign(item.object_id)
    if not plans.campaign_shows(raw, item.after):
        return False
    old = planned_change(item).before
    try:
        account.replace_campaign(
            item.object_id, plans.edited_campaign(raw, old), before_write=lambda: _check(switch_id)
        )
    except Conflict:
        return False
    except OutcomeUnknown:
        pass  # reading back decides
    after = account.campaign(item.object_id)
    if not plans.campaign_shows(after, old):
        return False

    def store() -> None:
        changes.settle(item, ChangeState.ROLLED_BACK, now())
        observations.record(list(seen(item, after, None)))

    transaction(store)
    return True
