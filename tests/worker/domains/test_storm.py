"""A storm of incidents as the tasks meet it: few calls to the chat, and in the end every text is right."""

from __future__ import annotations

from random import Random

import pytest

from models import incidents
from models.database import fetch
from tests.core.chatroom import Room, assert_every_text_is_right
from tests.search import examples
from tests.worker.domains.desk import Desk
from worker import alerts
from worker.alerts import Severity

MOST_CALLS = 20
SECONDS = 60
KINDS = {"unsafe": Severity.CRITICAL, "drift": Severity.WARNING, "spare_lost": Severity.WARNING}
TASKS = ("announce_alert", "remind_of_alerts")


@pytest.mark.search
def test_n7_a_storm_of_incidents_is_told_in_few_calls_and_ends_in_right_texts(room: Room, desk: Desk) -> None:
    room.sandbox.edit("telegram", "-1001234567890", per_minute=MOST_CALLS)
    random, size = Random(7), examples(500, gate=40)
    for number in range(size):
        kind = random.choice(list(KINDS))
        alerts.tell(kind, f"c{number}.example", KINDS[kind], object=f"c{number}.example")
        if random.random() < 0.3:
            alerts.well(kind, f"c{random.randrange(number + 1)}.example")
        desk.pass_time(SECONDS / size, *TASKS)
    for kind in KINDS:
        alerts.well(kind, *(f"c{number}.example" for number in range(0, size, 3)))
    desk.pass_time(600, *TASKS, step=4)
    assert {row["status"] for row in room.calls()} == {200}
    assert room.most_calls_in_a_minute() <= MOST_CALLS
    assert_every_text_is_right(room)
    rows = fetch("select count(*), count(resolved_at) from alert where kind <> 'storm'")
    assert rows[0][0] == size
    assert size > rows[0][1] >= size // 3
    assert len(incidents.open_ones(size + 20)) >= size - rows[0][1]
