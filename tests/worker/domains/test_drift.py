"""The look at Voluum and Affise: real lists of the sandbox, drift that is mended, keys that are refused, silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from core.domains import pipelines
from models import incidents, observations, switch_history
from models.database import db, execute, fetch
from models.domain_states import Mode
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, pipeline, read
from tests.worker.domains.desk import Desk
from worker.domains.drift import check_platform_domains
from worker.domains.news import announce_pipeline_switch
from worker.domains.steps import follow

OLD, NEW, SPARE = "c4.sandbox.test", "c5x.sandbox.test", "c6x.sandbox.test"
FIELD = "preferredTrackingDomain"


@pytest.fixture
def platforms(room: Room, desk: Desk, settings_env: SettingsEnv) -> Room:
    """The chat and both platforms at one sandbox, with one campaign and one offer on the old domain."""
    settings_env(SANDBOX_URL=room.sandbox.url)
    room.sandbox.edit("voluum", "settings", per_second=100_000)
    for number, raw in enumerate(campaigns(room, OLD)):
        if number:
            room.sandbox.edit("voluum", raw["id"], **{FIELD: "elsewhere.example"})
    return room


def campaigns(room: Room, domain: str) -> list[dict[str, Any]]:
    found = room.sandbox.control("GET", "state/voluum")["campaigns"]
    return [raw for raw in found if raw[FIELD] == domain and not raw["deleted"]]


def offer_fields(room: Room, domain: str) -> int:
    offers = room.sandbox.control("GET", "state/affise")["offers"]
    listed = [raw for raw in offers if raw["status"] in ("active", "stopped")]
    return sum(f"//{domain}/" in raw[name] for raw in listed for name in ("url", "trafficback_url"))


def move(room: Room, domain: str, campaign_id: str) -> None:
    """As a stranger would."""
    room.sandbox.edit("voluum", campaign_id, **{FIELD: domain})


def writes(room: Room, service: str) -> list[str]:
    return [row["method"] for row in room.sandbox.journal(service) if row["method"] in ("PUT", "DELETE")]


def gauge(platform: str) -> float | None:
    return REGISTRY.get_sample_value("signalbox_platform_drift", {"platform": platform})


def switched(**settings: Any) -> int:
    """A pipeline that has left the old domain, as if its campaigns had followed."""
    pipeline("P", OLD, NEW, SPARE, **{"with_update_voluum": True} | settings)
    with db.atomic():
        made = pipelines.switch("P", ANNA, "burnt", block=True)
    execute("update switch_step set state = 'done' where switch_id = %s and step = 'voluum'", (made.id,))
    return made.id


def test_every_campaign_and_offer_of_a_pipeline_is_counted_as_the_platforms_show_it(platforms: Room) -> None:
    pipeline("P", OLD, NEW, with_update_voluum=True, with_update_affise=True)
    for _ in range(2):
        assert check_platform_domains() == 0
        offers = offer_fields(platforms, OLD)
        assert switch_history.in_sync()[read().id] == {"voluum": (1, 1), "affise": (offers, offers)}
    assert offers > 10
    assert gauge("voluum") == gauge("affise") == 0
    assert (writes(platforms, "voluum"), platforms.calls()) == ([], [])
    assert REGISTRY.get_sample_value("signalbox_pipeline_spares", {"pipeline": "P"}) == 1


def test_a_campaign_that_a_stranger_moves_back_is_mended_by_the_newest_step(platforms: Room, desk: Desk) -> None:
    made = switched()
    [raw] = campaigns(platforms, OLD)
    assert check_platform_domains() == 1
    assert (gauge("voluum"), yard.steps(made)["voluum"]) == (1, "pending")
    desk.pass_time(20)
    assert (campaigns(platforms, OLD), [one["id"] for one in campaigns(platforms, NEW)]) == ([], [raw["id"]])
    assert yard.steps(made)["voluum"] == "done"
    assert check_platform_domains() == 0
    assert (gauge("voluum"), switch_history.in_sync()[read().id]) == (0, {"voluum": (1, 1)})
    assert writes(platforms, "voluum") == ["PUT"]


def test_an_exhausted_pipeline_leaves_voluum_alone_and_shows_as_drift(platforms: Room, desk: Desk) -> None:
    pipeline("P", OLD, with_update_voluum=True, with_update_affise=True)
    with db.atomic():
        made = pipelines.switch("P", ANNA, "burnt", block=True)
        follow(made)
    desk.pass_time(10)
    assert check_platform_domains() >= 1
    desk.pass_time(70)
    assert (gauge("voluum"), writes(platforms, "voluum")) == (1, [])
    assert all(row["method"] == "GET" for row in platforms.sandbox.journal("affise"))
    assert [one.kind for one in incidents.open_ones(9)] == ["exhausted"]
    assert REGISTRY.get_sample_value("signalbox_pipeline_state", {"pipeline": "P", "state": "exhausted"}) == 1


def test_drift_that_may_not_be_mended_is_told_once_and_ends_when_it_is_over(platforms: Room, desk: Desk) -> None:
    switched(mode=Mode.SUGGEST)
    [raw] = campaigns(platforms, OLD)
    for _ in range(3):
        check_platform_domains()
        desk.pass_time(600, step=60)
    [incident] = incidents.open_ones(9)
    assert (incident.kind, incident.count) == ("drift", 1)
    assert platforms.texts()[0].startswith("🟡 <b>DRIFT</b>  P at Voluum")
    move(platforms, NEW, raw["id"])
    check_platform_domains()
    desk.pass_time(10)
    assert incidents.open_ones(9) == []
    assert platforms.texts()[0].startswith("🟢 <b>RECOVERED</b>  P at Voluum")
    assert writes(platforms, "voluum") == []


def test_a_platform_that_cannot_be_read_changes_nothing(platforms: Room) -> None:
    made = switched()
    check_platform_domains()
    execute("update switch_step set state = 'done' where switch_id = %s and step = 'voluum'", (made,))
    before = observations.of(["voluum"])
    for action in ({"type": "status", "status": 503}, {"type": "empty"}):
        fault = platforms.sandbox.fault("voluum", action, match={"path": "/campaign"})
        platforms.pass_time(minutes=5)
        assert check_platform_domains() == 0
        platforms.sandbox.control("DELETE", f"faults/{fault}")
    assert (observations.of(["voluum"]), yard.steps(made)["voluum"]) == (before, "done")
    assert gauge("voluum") == 1
    platforms.pass_time(minutes=25)
    assert switch_history.in_sync()[read().id] == {"voluum": (0, 1)}


def test_a_refused_key_pauses_the_service_with_one_alert_until_it_is_taken_again(platforms: Room, desk: Desk) -> None:
    switched()
    platforms.sandbox.edit("voluum", "settings", access_key="another")
    calls: Callable[[], int] = lambda: len(platforms.sandbox.journal("voluum"))  # noqa: E731
    check_platform_domains()
    asked = calls()
    check_platform_domains()
    assert (calls(), fetch("select service from integration_pause")) == (asked, [("voluum",)])
    [incident] = incidents.open_ones(9)
    assert (incident.kind, incident.key, incident.count) == ("integration_paused", "voluum", 1)
    platforms.pass_time(minutes=5, seconds=1)
    check_platform_domains()
    assert calls() > asked
    assert [one.count for one in incidents.open_ones(9)] == [1]
    platforms.sandbox.edit("voluum", "settings", access_key=None)
    platforms.pass_time(minutes=5, seconds=1)
    assert check_platform_domains() == 1
    assert (fetch("select service from integration_pause"), incidents.open_ones(9)) == ([], [])


def test_pipelines_that_use_no_platform_ask_nobody(platforms: Room) -> None:
    pipeline("P", OLD, NEW)
    assert check_platform_domains() == 0
    assert platforms.sandbox.journal() == []


def test_platforms_without_an_account_are_passed_over(room: Room, desk: Desk) -> None:
    pipeline("P", OLD, NEW, with_update_voluum=True, with_update_affise=True)
    assert check_platform_domains() == 0
    assert (observations.of(["voluum", "affise"]), incidents.open_ones(9)) == ([], [])


def test_every_look_brings_the_news_of_open_switches_up_to_date(platforms: Room, desk: Desk) -> None:
    made = switched()
    [raw] = campaigns(platforms, OLD)
    move(platforms, NEW, raw["id"])
    announce_pipeline_switch(made)
    desk.lose()
    platforms.pass_time(minutes=5)
    assert [one.kind for one in incidents.open_ones(9)] == ["switched"]
    check_platform_domains()
    desk.work("announce_pipeline_switch")
    assert incidents.open_ones(9) == []
