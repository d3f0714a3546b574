"""Platforms in a dry run: a switch goes its whole way, nothing is written, and nobody is told that it was."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cli import pipeline_words
from config.clock import now
from core.domains import affise_requests, pipelines, spares, steps, voluum_rollback
from core.domains import platforms as accounts
from core.domains.persons import Refused
from models import incidents, switch_history
from models.database import db, execute, fetch
from models.rate_buckets import Limit
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room
from tests.core.domains.yard import ANNA, pipeline, read
from tests.worker.domains.desk import Desk
from worker import alerts
from worker.domains.drift import check_platform_domains
from worker.domains.steps import follow, reopened

OLD, NEW, SPARE = "a.sandbox.test", "b.sandbox.test", "c.sandbox.test"
FIELD = "preferredTrackingDomain"
DRY = {"VOLUUM_DRY_RUN": "true", "AFFISE_DRY_RUN": "true"}


@pytest.fixture
def platforms(room: Room, desk: Desk, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Both platforms in a dry run, with one campaign and two offers on the old domain."""
    settings_env(SANDBOX_URL=room.sandbox.url, **DRY)
    for name in ("VOLUUM", "AFFISE_READS", "AFFISE_WRITES"):
        monkeypatch.setattr(accounts, name, Limit(name, 1e6, 1e6))
    room.sandbox.edit("voluum", "settings", per_second=100_000)
    room.sandbox.edit("voluum", "one", **{FIELD: OLD})
    for number in (9001, 9002):
        urls = {"url": f"https://{OLD}/c?x={number}", "trafficback_url": f"https://{OLD}/tb"}
        room.sandbox.edit("affise", str(number), status="active", preview_url="", **urls)
    return room


def held(room: Room, domain: str) -> list[dict[str, Any]]:
    """Campaigns that Voluum really holds on a domain."""
    found = room.sandbox.control("GET", "state/voluum")["campaigns"]
    return [raw for raw in found if raw[FIELD] == domain and not raw["deleted"]]


def offers(room: Room, domain: str) -> int:
    """Addresses of offers that Affise really holds on a domain."""
    found = room.sandbox.control("GET", "state/affise")["offers"]
    return sum(f"//{domain}/" in raw[name] for raw in found for name in ("url", "trafficback_url"))


def writes(room: Room) -> list[str]:
    rows = [*room.sandbox.journal("voluum"), *room.sandbox.journal("affise")]
    return [row["path"] for row in rows if row["method"] != "GET" and "/auth/" not in row["path"]]


def reads(room: Room, service: str) -> int:
    return sum(row["method"] == "GET" for row in room.sandbox.journal(service))


def switched(desk: Desk) -> int:
    """A pipeline that has left the old domain, and everything that followed."""
    pipeline("P", OLD, NEW, SPARE, with_update_voluum=True, with_update_affise=True)
    execute("update tracking_domain_pipeline set affise_auto_approve = %s, affise_max_items = 10000", (True,))
    with db.atomic():
        made = pipelines.switch("P", ANNA, "burnt", block=True)
        follow(made)
    desk.pass_time(120, step=10)
    return made.id


def stored(switch_id: int, step: str) -> tuple[str, str | None, Any]:
    rows = fetch("select state, last_error, proved_at from switch_step where switch_id = %s and step = %s",
                 (switch_id, step))  # fmt: skip
    return rows[0]


def shown() -> dict[str, Any]:
    """What `pipelines show` says."""
    [stock] = spares.overview()
    return pipeline_words.document_of(stock)


def test_both_platforms_are_read_and_none_is_written_and_the_steps_are_done_in_a_dry_run(
    platforms: Room, desk: Desk
) -> None:
    before = offers(platforms, OLD)
    with capture_logs() as logs:
        switch = switched(desk)
    assert (writes(platforms), held(platforms, NEW), offers(platforms, NEW)) == ([], [], 0)
    assert (len(held(platforms, OLD)), offers(platforms, OLD)) == (1, before)
    assert {badge.in_sync for badge in switch_history.badges(now())[read().id].values()} == {0}
    assert reads(platforms, "voluum") >= 3
    assert reads(platforms, "affise") >= 3
    for step in ("voluum", "affise"):
        assert stored(switch, step) == ("done", "dry run: not written", None)
    lines = [line for line in logs if line["event"] == "dry_run_write"]
    assert {line["service"] for line in lines} == {"voluum", "affise"}
    assert not any(domain in str(lines) for domain in (OLD, NEW))
    assert {line["dry_run"] for line in logs if line["event"] == "step_attempted" and line["step"] == "voluum"} == {
        True
    }


def test_everything_that_tells_of_such_a_switch_says_so(platforms: Room, desk: Desk) -> None:
    switch = switched(desk)
    [text] = [one for one in platforms.texts() if "SWITCHED" in one]
    assert "Voluum: 1/1 campaigns, dry run: not written" in text
    assert text.count("dry run: not written") == 2
    course = {step.step: step.told for step in switch_history.course(switch)}
    assert course == {"voluum": "done (dry run)", "affise": "done (dry run)", "telegram": "done"}
    assert shown()["switches"][0]["steps"] == course


def test_the_switch_is_over_only_when_it_was_written(platforms: Room, desk: Desk, settings_env: SettingsEnv) -> None:
    switched(desk)
    desk.pass_time(4000, step=600)
    check_platform_domains()
    desk.pass_time(60)
    assert [one.kind for one in incidents.open_ones(9)] == ["switched"]
    settings_env(VOLUUM_DRY_RUN="false", AFFISE_DRY_RUN="false")
    check_platform_domains()
    desk.pass_time(120, step=10)
    check_platform_domains()
    desk.pass_time(60)
    assert incidents.open_ones(9) == []
    assert "dry run" not in platforms.texts()[0]


def test_drift_is_shown_as_a_dry_run_and_reopens_nothing(platforms: Room, desk: Desk) -> None:
    switch = switched(desk)
    for _ in range(2):
        assert check_platform_domains() == 1 + offers(platforms, OLD)
        desk.pass_time(60)
    assert (stored(switch, "voluum")[0], stored(switch, "affise")[0], writes(platforms)) == ("done", "done", [])
    assert "drift" not in {one.kind for one in incidents.open_ones(9)}
    assert {one["state"] for one in shown()["drift"]} == {"dry run"}
    assert {one["platform"]: (one["in_sync"], one["dry_run"]) for one in shown()["platforms"]} == {
        "voluum": (0, True), "affise": (0, True),
    }  # fmt: skip
    assert REGISTRY.get_sample_value("signalbox_platform_drift", {"platform": "voluum"}) == 1


def test_when_the_dry_run_ends_the_next_look_lets_the_platforms_follow(
    platforms: Room, desk: Desk, settings_env: SettingsEnv
) -> None:
    before = offers(platforms, OLD)
    switch = switched(desk)
    settings_env(VOLUUM_DRY_RUN="false", AFFISE_DRY_RUN="false")
    assert check_platform_domains() == 1 + before
    assert stored(switch, "voluum")[:2] == ("pending", None)
    desk.pass_time(120, step=10)
    assert (held(platforms, OLD), len(held(platforms, NEW))) == ([], 1)
    assert (offers(platforms, OLD), offers(platforms, NEW)) == (0, before)
    for step in ("voluum", "affise"):
        state, error, proved_at = stored(switch, step)
        assert (state, error, proved_at is not None) == ("done", None, True)
    assert check_platform_domains() == 0
    assert [one.told for one in switch_history.course(switch)] == ["done"] * 3


def test_one_platform_may_be_written_while_the_other_is_not(
    platforms: Room, desk: Desk, settings_env: SettingsEnv
) -> None:
    settings_env(VOLUUM_DRY_RUN="false")
    switch = switched(desk)
    assert (len(held(platforms, NEW)), offers(platforms, NEW)) == (1, 0)
    assert [one.told for one in switch_history.course(switch)] == ["done (dry run)", "done", "done"]


def test_a_second_switch_in_a_dry_run_goes_on_from_the_first(platforms: Room, desk: Desk) -> None:
    switched(desk)
    with db.atomic():
        second = pipelines.switch("P", ANNA, "again", block=True)
        follow(second)
    desk.pass_time(120, step=10)
    course = {step.step: step.told for step in switch_history.course(second.id)}
    assert (course["voluum"], course["affise"]) == ("done (dry run)", "done (dry run)")
    assert (writes(platforms), len(held(platforms, OLD))) == ([], 1)


def test_nothing_is_put_back_in_a_dry_run_and_nothing_that_was_not_written_after_it(
    platforms: Room, desk: Desk, settings_env: SettingsEnv
) -> None:
    switch = switched(desk)
    request = fetch("select id from affise_switch_request where switch_id = %s", (switch,))[0][0]
    with pytest.raises(Refused, match="VOLUUM_DRY_RUN is on"):
        voluum_rollback.roll_back(switch, ANNA)
    with pytest.raises(Refused, match="AFFISE_DRY_RUN is on"):
        affise_requests.rollback(request, ANNA)
    settings_env(VOLUUM_DRY_RUN="false", AFFISE_DRY_RUN="false")
    assert voluum_rollback.roll_back(switch, ANNA) == (0, 1)
    with pytest.raises(Refused, match="nothing was written"):
        affise_requests.rollback(request, ANNA)
    assert writes(platforms) == []


def test_trouble_of_before_is_not_over_because_a_dry_run_went_well(platforms: Room, desk: Desk) -> None:
    fault = platforms.sandbox.fault("voluum", {"type": "status", "status": 400}, match={"path": "/campaign"})
    switch = switched(desk)
    platforms.sandbox.control("DELETE", f"faults/{fault}")
    assert (stored(switch, "voluum")[0], str(stored(switch, "voluum")[1])[:22]) == ("failed", "dry run: not written; ")
    [incident] = [one for one in incidents.open_ones(9) if one.kind == "step_failed"]
    assert incident.payload["happened"].startswith("Voluum (dry run): 0/0")
    with db.atomic():
        reopened(steps.reopen(read().id))
    desk.pass_time(60)
    assert "step_failed" in {one.kind for one in incidents.open_ones(9)}


def test_a_chat_in_a_dry_run_hears_nothing_and_the_step_says_so(
    platforms: Room, desk: Desk, settings_env: SettingsEnv
) -> None:
    settings_env(TELEGRAM_DRY_RUN="true")
    with capture_logs() as logs:
        switch = switched(desk)
    assert platforms.calls() == []
    assert stored(switch, "telegram")[:2] == ("done", "dry run: not written")
    lines = [line for line in logs if line["event"] == "dry_run_write" and line["service"] == "telegram"]
    assert {"message"} <= {line["what"] for line in lines} <= {"message", "edit"}
    assert not any(word in str(lines) for word in (OLD, "anna", "burnt"))
    settings_env(TELEGRAM_DRY_RUN="false", VOLUUM_DRY_RUN="false")
    check_platform_domains()
    desk.pass_time(120, step=10)
    [text] = platforms.texts()
    assert "Voluum: 1/1 campaigns; Affise: 4/4 offers, dry run: not written" in text
    assert desk.dead == {}


def test_a_switch_that_is_over_since_a_dry_run_is_not_edited_in_vain(
    platforms: Room, desk: Desk, settings_env: SettingsEnv
) -> None:
    settings_env(TELEGRAM_DRY_RUN="true")
    switched(desk)
    [incident] = incidents.open_ones(9)
    desk.lose()
    settings_env(TELEGRAM_DRY_RUN="false")
    with db.atomic():
        alerts.well(incident.kind, incident.key)
    desk.pass_time(60)
    [text] = platforms.texts()
    assert text.startswith("🟢 <b>DONE</b>  SWITCHED P")
    assert desk.dead == {}
