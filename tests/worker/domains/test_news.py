"""The news of switches at the sandbox's chat: told once, kept up to date in place, over when everything followed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dramatiq.brokers.stub import StubBroker

from config.clock import now
from core.domains import pipelines
from models import database as connections
from models import incidents
from models.database import db, fetch
from models.domain_states import Source, Verdict
from tests.core.chatroom import CHAT, Room
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, answer, pipeline
from tests.worker.domains.desk import Desk, step
from tests.worker.domains.telling import NEWS, buttons, listed, row, sends, switch
from worker.domains.news import announce_pipeline_switch
from worker.domains.steps import follow, sweep_unfinished_switches
from worker.failures import Busy


def test_a_switch_is_told_in_one_message_that_says_why_and_what_is_left(room: Room, desk: Desk) -> None:
    made = listed(room)
    desk.work(*NEWS)
    [message] = room.messages()
    text = message["text"].splitlines()
    assert text[0] == "🟡 <b>SWITCHED</b>  DE-sweeps: c4[.]example -&gt; c5[.]example"
    assert text[1] == (
        "Reason: suspected SOCIAL_ENGINEERING on https://c4[.]example/ (Google Safe Browsing, confirmed 2x, 41 s apart;"
        " lists can err)"
    )
    assert text[2].startswith("Voluum: waiting; Affise: waiting; by hand: links pasted into ad networks")
    assert text[3].startswith("Spares left: 1 (c6[.]example, ready ")
    assert text[4].startswith("switch #2 (check), c5[.]example is not proven yet")
    assert "Europe/Paris  incident #" in text[-1]
    assert text[-1].endswith("also open: 0")
    assert len(text) <= 12
    assert buttons(room) == ["Ack", "Hold failover"]
    told = row(made.id)
    assert (told.chat_id, told.message_id, told.announced_at) == (CHAT, message["message_id"], now())
    assert yard.steps(made.id)["telegram"] == "done"


def test_a_switch_is_announced_once_however_often_the_message_comes(room: Room, desk: Desk) -> None:
    pipeline()
    made = switch()
    for _ in range(3):
        announce_pipeline_switch(made.id)
    room.pass_time(seconds=45)
    sweep_unfinished_switches()
    desk.work(*NEWS)
    assert (len(room.messages()), sends(room)) == (1, 1)
    assert incidents.open_ones(9)[0].count == 1


def test_two_runs_at_once_tell_once(room: Room, desk: Desk) -> None:
    pipeline()
    made = switch()

    def run() -> None:
        connections.ensure_connection()
        try:
            announce_pipeline_switch(made.id)
        except Busy:
            pass
        finally:
            connections.disconnect()

    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(run) for _ in range(2)]:
            done.result(30)
    desk.pass_time(10)
    assert (len(room.messages()), sends(room), incidents.open_ones(9)[0].count) == (1, 1, 1)
    assert yard.steps(made.id)["telegram"] == "done"


def test_steps_that_end_edit_the_message_and_the_last_one_closes_it(room: Room, desk: Desk) -> None:
    made = listed(room)
    desk.work(*NEWS)
    step(made.id, "voluum", "done", done=12, total=12)
    step(made.id, "affise", "pending", done=3, total=5, error="Unavailable")
    room.pass_time(seconds=10)
    announce_pipeline_switch(made.id)
    desk.work(*NEWS)
    assert "Voluum: 12/12 campaigns; Affise: 3/5 offers, retrying (2)" in room.texts()[0]
    step(made.id, "affise", "done", done=5, total=5)
    announce_pipeline_switch(made.id)
    desk.pass_time(80)
    text, reply = room.texts()
    assert text.startswith("🟢 <b>SWITCHED</b>  DE-sweeps: c4[.]example")
    assert "Affise: 5/5 offers" in text
    assert reply.startswith("🟢 <b>DONE</b>  SWITCHED DE-sweeps")
    assert incidents.open_ones(9) == []


def test_a_switch_with_a_failed_step_or_a_bad_domain_stays_open(room: Room, desk: Desk) -> None:
    made = listed(room)
    step(made.id, "voluum", "done", done=12, total=12)
    step(made.id, "affise", "partial", done=3, total=5, error="2 refused")
    desk.pass_time(90)
    assert "Affise: 3/5 offers, the rest failed" in room.texts()[0]
    assert len(incidents.open_ones(9)) == 1
    step(made.id, "affise", "done", done=5, total=5)
    bad = answer("c5.example", Verdict.UNSAFE)
    announce_pipeline_switch(made.id)
    assert len(incidents.open_ones(9)) == 1
    answer("c5.example", Verdict.SAFE, Source(bad.source))
    announce_pipeline_switch(made.id)
    assert incidents.open_ones(9) == []


def test_undo_is_offered_for_a_minute_and_then_leaves_the_message(room: Room, desk: Desk) -> None:
    pipeline(with_update_voluum=True)
    made = switch()
    desk.work(*NEWS)
    assert buttons(room) == ["Ack", "Hold failover", "Undo switch"]
    assert "undo until 04:13:41" in room.texts()[0]
    [kept] = fetch("select object, expected from telegram_button where action = 'undo_switch'")
    assert kept == (str(made.id), "2")
    desk.pass_time(70)
    assert buttons(room) == ["Ack", "Hold failover"]
    assert "undo" not in room.texts()[0]
    assert sends(room) == 1


def test_two_switches_in_a_row_are_two_messages_and_the_older_one_ends(room: Room, desk: Desk) -> None:
    pipeline(with_update_voluum=True)
    first, second = switch(), switch()
    announce_pipeline_switch(second.id)
    room.pass_time(seconds=2)
    announce_pipeline_switch(first.id)
    assert [text.splitlines()[0].rpartition("P: ")[2] for text in room.texts()] == [
        "b[.]example -&gt; c[.]example", "a[.]example -&gt; b[.]example",
    ]  # fmt: skip
    assert "Voluum: waiting, left to the next switch" in room.texts()[1]
    desk.pass_time(90, *NEWS)
    assert [one.key for one in incidents.open_ones(9)] == [f"{second.pipeline_id}:3"]


def test_an_exhausted_pipeline_is_critical_and_a_domain_that_returns_recovers_it(room: Room, desk: Desk) -> None:
    pipeline("P", "a.example", with_update_voluum=True, return_to_work=True)
    made = switch(block=True)
    desk.work(*NEWS)
    [message] = room.messages()
    assert message["text"].startswith("🔴 <b>EXHAUSTED</b>  P: a[.]example -&gt; nothing left")
    assert "Voluum: left alone" in message["text"]
    assert "Spares left: none" in message["text"]
    assert not message["silent"]
    desk.pass_time(120)
    assert row(made.id).announced_at is not None
    with db.atomic():
        [back] = pipelines.unblock("a.example", "clean again", ANNA)
        assert back.switch
        follow(back.switch)
    desk.pass_time(30)
    lines = [text.splitlines()[0] for text in room.texts()]
    assert lines[0].startswith("🟢 <b>RECOVERED</b>  P: a[.]example")
    assert any(line.startswith("🟡 <b>SWITCHED</b>  P: nothing -&gt; a[.]example") for line in lines)
    assert any(line.startswith("🟢 <b>RECOVERED</b>  EXHAUSTED P") for line in lines[1:])


def test_without_a_bot_it_is_only_logged(database: Any, stub_broker: StubBroker) -> None:
    pipeline()
    made = switch()
    announce_pipeline_switch(made.id)
    told = row(made.id)
    assert (told.announced_at is not None, told.message_id, yard.steps(made.id)["telegram"]) == (True, None, "done")


def test_a_pipeline_that_was_created_and_a_switch_that_is_not_there_are_no_news(room: Room, desk: Desk) -> None:
    pipeline()
    announce_pipeline_switch(yard.switches()[0].id)
    announce_pipeline_switch(999)
    assert (room.calls(), incidents.open_ones(9)) == ([], [])
