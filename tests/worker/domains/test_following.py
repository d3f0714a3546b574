"""A switch from end to end at the sandbox: chat, Voluum and Affise together, also when one of them fails for long."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains import undo
from models import incidents, switch_history
from models.database import db
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, pipeline, read
from tests.worker.domains.desk import Desk
from tests.worker.domains.telling import switch
from worker.domains.drift import check_platform_domains
from worker.domains.steps import follow, sweep_unfinished_switches

OLD, NEW, NEWER = "c4.sandbox.test", "c5x.sandbox.test", "c6x.sandbox.test"
FIELD, ELSEWHERE = "preferredTrackingDomain", "https://elsewhere.example/"


@pytest.fixture
def platforms(room: Room, desk: Desk, settings_env: SettingsEnv) -> Room:
    """Two campaigns and two offers are on the old domain; the pipeline follows at both platforms."""
    settings_env(SANDBOX_URL=room.sandbox.url)
    room.sandbox.edit("voluum", "settings", per_second=100_000)
    for raw in state(room, "voluum", "campaigns")[2:]:
        room.sandbox.edit("voluum", raw["id"], **{FIELD: "elsewhere.example"})
    for raw in state(room, "affise", "offers")[2:]:
        room.sandbox.edit("affise", str(raw["id"]), url=ELSEWHERE, trafficback_url=ELSEWHERE)
    pipeline("P", OLD, NEW, NEWER, with_update_voluum=True, with_update_affise=True)
    return room


def state(room: Room, service: str, name: str) -> list[dict[str, Any]]:
    """The objects on the old domain."""
    rows: list[dict[str, Any]] = room.sandbox.control("GET", f"state/{service}")[name]
    on = [raw for raw in rows if raw.get(FIELD) == OLD or f"//{OLD}/" in raw.get("url", "")]
    return [raw for raw in on if not raw.get("deleted") and raw.get("status") in (None, "active", "stopped")]


def shown(room: Room) -> dict[str, int]:
    """How many campaigns and addresses of offers are on each of the domains."""
    campaigns = [raw[FIELD] for raw in room.sandbox.control("GET", "state/voluum")["campaigns"] if not raw["deleted"]]
    offers = room.sandbox.control("GET", "state/affise")["offers"]
    urls = [raw[name] for raw in offers if raw["status"] != "suspended" for name in ("url", "trafficback_url")]
    hosts = {name: sum(f"//{name}/" in url for url in urls) for name in (OLD, NEW, NEWER)}
    return {name: campaigns.count(name) + hosts[name] for name in hosts}


def test_chat_and_platforms_follow_a_switch_and_its_message_says_so(platforms: Room, desk: Desk) -> None:
    total = shown(platforms)[OLD]
    made = switch(block=True)
    desk.pass_time(30)
    assert shown(platforms) == {OLD: 0, NEW: total, NEWER: 0}
    assert set(yard.steps(made.id).values()) == {"done"}
    assert f"Voluum: 2/2 campaigns; Affise: {total - 2}/{total - 2} offers" in platforms.texts()[0]
    assert check_platform_domains() == 0
    desk.pass_time(60)
    assert [one.kind for one in incidents.open_ones(9)] == ["old_domain_named"]


def test_affise_down_for_half_an_hour_holds_nothing_else_up_and_ends_equal(
    platforms: Room, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.breaker.FIRST_PAUSE", 0.0)
    total = shown(platforms)[OLD]
    fault = platforms.sandbox.fault("affise", {"type": "status", "status": 503})
    made = switch(block=True)
    desk.pass_time(1800, step=30)
    check_platform_domains()
    assert (yard.steps(made.id)["voluum"], yard.steps(made.id)["affise"]) == ("done", "pending")
    assert switch_history.in_sync()[read().id]["voluum"] == (2, 2)
    assert "Affise: waiting, retrying" in platforms.texts()[0]
    platforms.sandbox.control("DELETE", f"faults/{fault}")
    desk.pass_time(60)
    assert shown(platforms) == {OLD: 0, NEW: total, NEWER: 0}
    assert check_platform_domains() == 0
    desk.pass_time(30)
    assert [one.kind for one in incidents.open_ones(9)] == ["old_domain_named"]
    assert sum("SWITCHED" in text and "DONE" not in text for text in platforms.texts()) == 1


def test_a_domain_that_is_left_while_it_is_followed_is_nowhere_in_the_end(platforms: Room, desk: Desk) -> None:
    total = shown(platforms)[OLD]
    first = switch(block=True)
    desk.work("update_voluum_campaigns", most=1)
    second = switch(block=True)
    desk.pass_time(40)
    sweep_unfinished_switches()  # what was told of the first one got lost above
    desk.pass_time(10)
    assert shown(platforms) == {OLD: 0, NEW: 0, NEWER: total}
    assert yard.steps(second.id) == {"voluum": "done", "affise": "done", "telegram": "done"}
    assert yard.steps(first.id)["telegram"] == "done"
    assert yard.steps(first.id)["affise"] == "superseded"
    assert check_platform_domains() == 0
    assert len([text for text in platforms.texts() if "SWITCHED</b>  P:" in text]) == 2


def test_an_undone_switch_is_undone_at_the_platforms_too(platforms: Room, desk: Desk) -> None:
    total = shown(platforms)[OLD]
    made = switch()
    desk.pass_time(30)
    with db.atomic():
        follow(undo.undo(made.id, ANNA))
    desk.pass_time(30)
    assert shown(platforms) == {OLD: total, NEW: 0, NEWER: 0}
    assert check_platform_domains() == 0
    assert any("P: c5x[.]sandbox[.]test -&gt; c4[.]sandbox[.]test" in text for text in platforms.texts())
