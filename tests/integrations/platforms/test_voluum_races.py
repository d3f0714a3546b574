"""A21 at the client: lost answers are found by reading, and a stranger's edit survives ours."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains import platform_plan as plan
from core.domains.platform_plan import Found
from integrations.errors import Conflict, OutcomeUnknown
from integrations.voluum import Voluum
from sandbox.server import Sandbox
from tests.integrations.platforms.made import CAMPAIGN as ID
from tests.integrations.platforms.made import NEW, OLD, calls, campaigns, effects

WRITES = {"method": "PUT", "path": "/campaign/*"}


def follow(voluum: Voluum, change: plan.Change) -> tuple[dict[str, Any], list[str]]:
    """Read, judge, write, read back, as often as strangers get between; the object and what surprises in it."""
    for _ in range(5):
        before = voluum.campaign(change.object_id)
        if plan.read_campaign(before, change, [OLD]) is Found.DONE:
            return before, []
        try:
            voluum.replace_campaign(change.object_id, plan.edited_campaign(before, NEW))
        except (Conflict, OutcomeUnknown):
            continue
        after = voluum.campaign(change.object_id)
        return after, plan.campaign_surprises(before, after)
    raise AssertionError("never done")


@pytest.fixture
def change(raw: dict[str, Any]) -> plan.Change:
    """The plan for the one campaign."""
    [change] = plan.campaign_changes([raw], [OLD], NEW)
    return change


def test_a21_a_write_whose_answer_got_lost_has_one_effect_that_reading_shows(
    sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any], change: plan.Change
) -> None:
    sandbox.fault("voluum", {"type": "commit_then_drop"}, match=WRITES, times=1)
    with pytest.raises(OutcomeUnknown):
        voluum.replace_campaign(ID, plan.edited_campaign(raw, NEW))
    assert plan.read_campaign(voluum.campaign(ID), change, [OLD]) is Found.DONE
    after, surprises = follow(voluum, change)
    assert surprises == plan.campaign_surprises(raw, after) == []
    assert effects(sandbox, "voluum") == [{"campaign": ID, "domain": NEW}]


def test_a21_a_write_that_never_arrived_is_made_after_reading(
    sandbox: Sandbox, voluum: Voluum, change: plan.Change
) -> None:
    sandbox.fault("voluum", {"type": "drop"}, match=WRITES, times=1)
    after, surprises = follow(voluum, change)
    assert (plan.campaign_shows(after, NEW), surprises) == (True, [])
    assert effects(sandbox, "voluum") == [{"campaign": ID, "domain": NEW}]


def test_a21_what_a_stranger_writes_between_our_reading_and_our_writing_survives(
    sandbox: Sandbox, voluum: Voluum, change: plan.Change
) -> None:
    edit = {"tags": ["by a stranger"], "strangersKey": {"deep": [1]}}
    sandbox.edit_later("voluum", ID, "between_get_and_put", **edit)
    after, surprises = follow(voluum, change)
    assert surprises == []
    assert plan.campaign_shows(after, NEW)
    assert {name: campaigns(sandbox)[ID][name] for name in edit} == edit
    assert effects(sandbox, "voluum") == [{"campaign": ID, "domain": NEW}]


def test_an_object_that_was_edited_since_it_was_read_is_not_written(
    sandbox: Sandbox, voluum: Voluum, raw: dict[str, Any], change: plan.Change
) -> None:
    sandbox.edit("voluum", ID, tags=["by a stranger"])
    with pytest.raises(Conflict):
        voluum.replace_campaign(ID, plan.edited_campaign(raw, NEW))
    assert calls(sandbox, "voluum")[-1] == f"GET /campaign/{ID}"
    assert plan.read_campaign(voluum.campaign(ID), change, [OLD]) is Found.MOVED


def test_a_stranger_who_chose_another_domain_is_a_conflict(
    sandbox: Sandbox, voluum: Voluum, change: plan.Change
) -> None:
    sandbox.edit("voluum", ID, preferredTrackingDomain="stranger.sandbox.test")
    assert plan.read_campaign(voluum.campaign(ID), change, [OLD]) is Found.CONFLICT


def test_what_a_stranger_changes_before_the_reading_back_is_a_surprise(
    sandbox: Sandbox, voluum: Voluum, change: plan.Change
) -> None:
    sandbox.edit_later("voluum", ID, "between_put_and_get", tags=["by a stranger"])
    after, surprises = follow(voluum, change)
    assert surprises == ["tags"]
    assert plan.campaign_shows(after, NEW)


def test_every_campaign_of_a_domain_follows_and_no_other_changes(sandbox: Sandbox, voluum: Voluum) -> None:
    before = campaigns(sandbox)
    changes = plan.campaign_changes(voluum.campaigns(), [OLD], NEW)
    for item in changes:
        assert follow(voluum, item)[1] == []
    after = campaigns(sandbox)
    touched = {item.object_id for item in changes}
    wanted = {key for key, row in before.items() if row["preferredTrackingDomain"] == OLD and not row["deleted"]}
    assert touched == wanted
    assert {key for key in before if before[key] != after[key]} == touched
    assert len(effects(sandbox, "voluum")) == len(touched) > 10
