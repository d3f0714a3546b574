"""Drift: whose a field is, what it should show, when a step is opened again, and when a person must look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.domains import drift, pipelines, platform_looks
from core.domains.drift import Compared, State
from core.domains.platform_looks import Look
from models import observations
from models.database import db, execute, fetch
from models.domain_states import Mode, Step
from models.observations import Observation
from models.pipelines import line
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, pipeline, read


@pytest.fixture
def clock(database: Any) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now(), tick=False) as traveller:
        yield traveller


def look(pages: dict[str, tuple[str, ...]] | None = None, /, **domains: str) -> Look:
    """Voluum as it shows these campaigns."""
    rows = [
        Observation(platform="voluum", object_type="campaign", object_id=name, field="preferredTrackingDomain",
                    domain=domain, seen_at=now())
        for name, domain in domains.items()
    ]  # fmt: skip
    return Look("voluum", tuple(rows), pages or {})


def compare(pages: dict[str, tuple[str, ...]] | None = None, /, **domains: str) -> Compared:
    with db.atomic():
        return drift.compare(look(pages, **domains))


def followed(name: str = "P", **settings: Any) -> int:
    """A pipeline that has left a.example for b.example, whose campaigns followed; the id of the switch."""
    pipeline(name, "a.example", "b.example", "c.example", **{"with_update_voluum": True} | settings)
    made = pipelines.switch(name, ANNA, "burnt", block=True)
    end(made.id)
    return made.id


def end(switch_id: int) -> None:
    execute("update switch_step set state = 'done' where switch_id = %s and step = 'voluum'", (switch_id,))


def states() -> dict[str, str]:
    judged = drift.judge(observations.of(["voluum"]), [line(read().id)], now())
    return {one.seen.object_id: one.state.value for one in judged}


def test_what_shows_the_active_domain_is_in_sync_and_foreign_objects_are_nobodys_business(
    clock: time_machine.Traveller,
) -> None:
    followed()
    found = compare(k1="b.example", k2="other.example")
    assert (found.drifted, found.reopened, dict(found.stuck)) == (0, (), {})
    assert states() == {"k1": "same"}


def test_a_campaign_that_shows_an_old_domain_opens_the_newest_step_again(clock: time_machine.Traveller) -> None:
    made = followed()
    found = compare(k1="b.example", k2="a.example")
    assert (found.drifted, found.reopened) == (1, ((made, Step.VOLUUM),))
    assert (yard.steps(made)["voluum"], states()) == ("pending", {"k1": "same", "k2": "drift"})
    assert [one.seen.object_id for one in drift.differing(line(read().id), now())] == ["k2"]


def test_a_step_under_way_is_left_alone(clock: time_machine.Traveller) -> None:
    followed()
    assert compare(k1="a.example").reopened
    again = compare(k1="a.example")
    assert (again.drifted, again.reopened, dict(again.stuck)) == (1, (), {})


def test_the_fourth_time_within_an_hour_a_person_must_look(clock: time_machine.Traveller) -> None:
    made = followed()
    for _ in range(3):
        assert compare(k1="a.example").reopened
        end(made)
        clock.shift(timedelta(minutes=10))
    fourth = compare(k1="a.example", k2="c.example")
    assert (fourth.reopened, yard.steps(made)["voluum"]) == ((), "done")
    [(key, words)] = fourth.stuck.items()
    assert (key, words["object"]) == (f"voluum:{read().id}", "P at Voluum")
    assert words["happened"] == "2 fields show a.example (1), c.example (1) in place of b.example"
    clock.shift(timedelta(minutes=40))
    assert compare(k1="a.example").reopened
    rows = fetch("select count(*) from audit_log where action = 'pipeline.reopen' and object = 'pipeline:P/voluum'")
    assert rows == [(4,)]


def test_a_pipeline_that_does_not_act_by_itself_only_tells(clock: time_machine.Traveller) -> None:
    made = followed(mode=Mode.SUGGEST)
    found = compare(k1="a.example")
    assert (found.reopened, len(found.stuck), yard.steps(made)["voluum"]) == ((), 1, "done")


def test_an_exhausted_pipeline_shows_drift_and_nothing_is_done(clock: time_machine.Traveller) -> None:
    pipeline("P", "a.example", with_update_voluum=True)
    pipelines.switch("P", ANNA, "burnt", block=True)
    found = compare(k1="a.example")
    assert (found.drifted, found.reopened, dict(found.stuck), found.still) == (1, (), {}, ())
    assert states() == {"k1": "drift"}


def test_a_domain_that_a_stranger_has_put_there_is_reported_only(clock: time_machine.Traveller) -> None:
    made = followed()
    compare(k1="b.example")
    found = compare(k1="stranger.example")
    assert (found.drifted, found.reopened, yard.steps(made)["voluum"]) == (0, (), "done")
    assert list(found.conflicts) == [f"voluum:{read().id}"]
    assert states() == {"k1": "conflict"}


def test_a_field_belongs_to_the_pipeline_where_its_domain_works_or_that_had_it_before(
    clock: time_machine.Traveller,
) -> None:
    followed("P")
    pipeline("Q", "q.example", with_update_voluum=True)
    values = (read("Q").id, yard.domain("a.example").id, now().isoformat(), now().isoformat())
    execute(
        "insert into pipeline_domain (pipeline_id, domain_id, role, role_since, blocked_at) "
        "values (%s, %s, 'blocked', %s, %s)",
        values,
    )
    compare(k1="b.example", k2="a.example")
    compare(k1="a.example", k2="a.example")
    owners = {one.object_id: one.pipeline_id for one in observations.of(["voluum"])}
    assert owners == {"k1": read("P").id, "k2": None}
    compare(k1="q.example")
    assert {one.object_id: one.pipeline_id for one in observations.of(["voluum"])}["k1"] == read("Q").id


def test_what_was_not_read_for_half_an_hour_is_unread_and_what_is_gone_is_forgotten(
    clock: time_machine.Traveller,
) -> None:
    followed()
    compare(k1="b.example", k2="b.example")
    clock.shift(timedelta(minutes=31))
    assert states() == {"k1": "unread", "k2": "unread"}
    compare(k1="b.example")
    assert states() == {"k1": "same"}


def test_an_older_reading_never_replaces_a_newer_one(clock: time_machine.Traveller) -> None:
    followed()
    late = look(k1="a.example")
    clock.shift(timedelta(seconds=5))
    compare(k1="b.example")
    with db.atomic():
        assert drift.compare(late).drifted == 0
    assert states() == {"k1": State.SAME.value}


def test_only_pipelines_that_use_a_platform_are_looked_at(clock: time_machine.Traveller) -> None:
    pipeline("P", "a.example")
    assert drift.used([line(read().id)]) == []
    pipeline("Q", "q.example", with_update_affise=True)
    assert drift.used([line(read("Q").id)]) == ["affise"]
    execute("update tracking_domain_pipeline set enabled = %s", (False,))
    assert drift.used([line(read("Q").id)]) == []


def test_the_pages_behind_campaigns_are_kept_without_tracking_domains_and_those_of_people_stay(
    clock: time_machine.Traveller,
) -> None:
    followed()
    number = read().id
    execute("insert into pipeline_destination values (%s, 'https://mine.example/', 'operator')", (number,))
    pages = {"k1": ("https://land.example/p", "https://a.example/x"), "k9": ("https://foreign.example/",)}
    for _ in range(2):
        compare(pages, k1="b.example")
        stored = fetch("select url, source from pipeline_destination order by url")
        assert stored == [("https://land.example/p", "voluum"), ("https://mine.example/", "operator")]
    compare({"k1": ()}, k1="b.example")
    assert fetch("select url from pipeline_destination") == [("https://mine.example/",)]


def test_pages_are_taken_without_what_differs_from_click_to_click() -> None:
    raw = {"url": "https://a.example/c?x={x}", "to": ["https://land.example/p?click={clickid}#top", "no page", 7],
           "macro": "https://{host}/", "redirect": "{redirect}"}  # fmt: skip
    assert list(platform_looks._pages(raw)) == ["https://a.example/c", "https://land.example/p"]
