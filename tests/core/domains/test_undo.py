"""Taking a switch back: within a minute, the newest one only, by a switch of its own, never to a bad domain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.domains import pipelines
from core.domains.persons import AlreadyChanged, Refused
from core.domains.undo import undo
from models import audit
from models import database as connections
from models.database import execute
from models.domain_states import Source, Verdict
from models.switches import Switched
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, answer, drafts, everything, pipeline, read, roles, steps


@pytest.fixture
def clock(database: Any) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now(), tick=False) as traveller:
        yield traveller


def switch(*, block: bool = True, **more: Any) -> Switched:
    return pipelines.switch("P", ANNA, "looks burnt", block=block, **more)


def test_undo_goes_back_by_a_new_switch_and_everything_follows(clock: time_machine.Traveller) -> None:
    pipeline(with_update_voluum=True, with_update_affise=True)
    made = switch()
    clock.shift(timedelta(seconds=59))
    back = undo(made.id, ANNA)
    assert (back.seq, back.source, back.to) == (3, "b.example", "a.example")
    assert roles() == {"a.example": "active", "b.example": "backup", "c.example": "backup"}
    assert read().next_domain == "b.example"
    last = yard.switches()[-1]
    assert (str(last.trigger), last.reason, last.actor) == ("undo", "undo of switch #2", "anna")
    assert steps(back.id) == {"voluum": "pending", "affise": "pending", "telegram": "pending"}
    assert steps(made.id)["voluum"] == "superseded"
    assert drafts()[-1] == ("b.example", "a.example", "draft")


def test_undo_is_on_record_with_who_did_it(clock: time_machine.Traveller) -> None:
    pipeline()
    undo(switch().id, ANNA)
    *_, row = audit.stream()
    assert (row.action, row.actor, row.object, row.after) == (
        "pipeline.undo", "anna", "pipeline:P", {"active": "a.example", "seq": 3},
    )  # fmt: skip


def test_undo_takes_back_a_switch_without_block_and_one_that_exhausted_the_pipeline(
    clock: time_machine.Traveller,
) -> None:
    pipeline()
    undo(switch(block=False).id, ANNA)
    assert read().active_domain == "a.example"
    pipeline("Q", "q.example")
    emptied = pipelines.switch("Q", ANNA, "burnt", block=True)
    assert emptied.to is None
    undo(emptied.id, ANNA)
    assert (str(read("Q").status), read("Q").active_domain) == ("active", "q.example")


def test_after_a_minute_a_switch_stands(clock: time_machine.Traveller) -> None:
    pipeline()
    made = switch()
    clock.shift(timedelta(seconds=60))
    before = everything()
    with pytest.raises(Refused, match="older than 60 s"):
        undo(made.id, ANNA)
    assert everything() == before


def test_nothing_leads_back_to_a_domain_that_is_said_to_be_unsafe(clock: time_machine.Traveller) -> None:
    pipeline()
    made = switch()
    for source in (Source.GSB, Source.DNS, Source.GSC):
        answer("a.example", Verdict.UNSAFE, source)
        before = everything()
        with pytest.raises(Refused, match="suspected to be unsafe"):
            undo(made.id, ANNA)
        assert everything() == before
        answer("a.example", Verdict.SAFE, source)
    assert undo(made.id, ANNA).to == "a.example"


def test_only_the_newest_switch_can_be_taken_back_and_only_once(clock: time_machine.Traveller) -> None:
    pipeline()
    first, second = switch(), switch()
    with pytest.raises(AlreadyChanged, match="switch #3 was made meanwhile"):
        undo(first.id, ANNA)
    undo(second.id, ANNA)
    before = everything()
    with pytest.raises(AlreadyChanged):
        undo(second.id, ANNA)
    assert everything() == before


def test_an_unknown_switch_the_creation_and_a_domain_at_work_elsewhere_are_refused(
    clock: time_machine.Traveller,
) -> None:
    made = pipeline()
    with pytest.raises(Refused, match="there is no switch 999"):
        undo(999, ANNA)
    with pytest.raises(Refused, match="left no domain"):
        undo(yard.switches()[0].id, ANNA)
    left = switch()
    pipeline("Q", "q.example")
    values = (read("Q").id, yard.domain("a.example").id, now().isoformat())
    execute(
        "insert into pipeline_domain (pipeline_id, domain_id, role, position, role_since) "
        "values (%s, %s, 'backup', 1, %s)",
        values,
    )
    with pytest.raises(Refused, match="works in another pipeline"):
        undo(left.id, ANNA)
    assert made.next_domain == "c.example"


def test_two_people_who_press_at_once_undo_once(clock: time_machine.Traveller) -> None:
    pipeline()
    made, barrier, results = switch(), Barrier(2), []

    def press() -> None:
        connections.ensure_connection()
        barrier.wait(60)
        try:
            results.append(undo(made.id, ANNA).seq)
        except AlreadyChanged:
            results.append(0)
        finally:
            connections.disconnect()

    threads = [Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [0, 3]
    assert len(yard.switches()) == 3
