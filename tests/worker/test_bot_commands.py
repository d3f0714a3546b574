"""Commands as people type them: what each does, who may use it where, and how strangers become known."""

from __future__ import annotations

from datetime import timedelta

from config.clock import now
from core.bot import people
from core.bot.people import Role
from models import announcements
from models.database import fetch
from tests.core.chatroom import CHAT
from tests.core.domains import yard
from tests.together import together
from tests.worker.bot_room import ANNA, BEN, EVE, Desk, audited, desk, link, sandbox, unsafe
from worker import alerts, bot
from worker.alerts import Severity
from worker.bot_heard import NOT_HERE
from worker.domains import persons

__all__ = ["desk", "sandbox"]


def test_a_switch_by_command_is_asked_about_and_only_its_asker_may_say_yes(desk: Desk) -> None:
    link(BEN, "ben", Role.OPERATOR)
    yard.pipeline("DE sweeps", "a.example", "b.example", "c.example")
    assert desk.say("/switch DE sweeps c.example") == "Sure? DE sweeps: a[.]example -> c[.]example"
    assert desk.labels() == ["Yes, switch", "No"]
    assert desk.press("Yes, switch", who=BEN) == "only who asked may answer"
    assert desk.press("Yes, switch") == "DE sweeps is on c.example, switch #2"
    assert "by anna 03:1" in desk.texts()[-1]
    assert yard.switches("DE sweeps")[-1].actor == "anna"
    assert audited("pipeline.switch")[-1][:2] == ("telegram", "anna")
    desk.say("/switch DE sweeps")
    persons.switch("DE sweeps", yard.ANNA, "meanwhile")
    assert desk.press("Yes, switch").startswith("already changed")
    desk.say("/switch DE sweeps")
    assert desk.press("No") == "nothing was changed"
    assert len(yard.switches("DE sweeps")) == 3


def test_a_hold_by_command_lasts_as_long_as_it_says(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    assert desk.say("/hold P 2h") == "P is held for 2h"
    until = yard.read("P").held_until
    assert until is not None
    assert timedelta(hours=2) - timedelta(minutes=1) < until - now() <= timedelta(hours=2)
    assert desk.say("/hold") == "failover is held everywhere"
    assert desk.say("/hold") == "already changed: held by anna"
    assert desk.say("/release").startswith("Sure? release all")
    assert desk.press("Yes, release") == "failover is released"
    assert desk.say("/hold Q").startswith("pipeline: there is no 'Q'")


def test_who_may_do_what_where(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example")
    assert desk.say("/hold P", who=BEN) == "only for operator; you are viewer"
    assert desk.say("/run clean_ip_blacklist") == "only for admin; you are operator"
    assert desk.say("/status", who=BEN, chat=BEN).startswith("STATUS")
    assert desk.say("/hold P", chat=ANNA) == NOT_HERE
    assert desk.say("/status", chat=-77) == ""
    assert desk.say("/status", who=EVE, chat=ANNA) == ""
    assert desk.say("/status", who=EVE).startswith("not linked")
    assert desk.say("good morning", who=EVE) == ""
    assert yard.read("P").held_at is None
    reasons = [reason for _, _, reason in audited("bot.refused")]
    assert reasons == ["role viewer", "role operator", "another chat", "another chat", "not linked"]


def test_strangers_are_not_answered_without_end(desk: Desk) -> None:
    updates = [{"update_id": 900 + one, "message": desk.message(EVE, EVE) | {"text": "/x"}} for one in range(30)]
    assert len([heard for heard in map(bot.handle, updates) if heard]) == 10
    assert len(audited("bot.refused")) == 10


def test_a_code_links_once_and_ends_after_an_hour(desk: Desk) -> None:
    code = people.invite("eve", Role.ADMIN, yard.ANNA)
    assert desk.say("/link WRONG-CODES", who=EVE, chat=EVE).startswith("code: it is unknown")
    assert desk.say(f"/link {code.lower()}", who=EVE, chat=EVE).startswith("welcome, eve; you are admin")
    assert desk.say(f"/link {code}", who=777).startswith("code: it is unknown, used or too old")
    assert desk.say("/whoami", who=EVE, chat=EVE).split() == ["YOU", "name", "eve", "role", "admin"]
    late = people.invite("zoe", Role.VIEWER, yard.ANNA)
    desk.pass_time(hours=1, seconds=1)
    assert desk.say(f"/link {late}", who=777).startswith("code: it is unknown")
    assert people.unlink("eve", yard.ANNA)
    assert desk.say("/whoami", who=EVE).startswith("not linked")
    assert code.replace("-", "") not in str(fetch("select * from telegram_code"))


def test_a_kind_that_nobody_was_told_of_may_be_a_slip(desk: Desk) -> None:
    assert desk.say("/mute drfit 2h").endswith("there was none of drfit so far, is it written so?")
    alerts.tell("drift", "voluum:1", Severity.WARNING, object="P")
    assert desk.say("/mute drift 2h").endswith("critical ones are not")


def test_a_muted_kind_is_silent_for_a_while_but_never_when_critical(desk: Desk) -> None:
    assert desk.say("/mute Spare lost 2h").startswith("new warnings of spare_lost are silent for 2:00:00")
    alerts.tell("spare_lost", "a", Severity.WARNING, object="a")
    alerts.tell("spare_lost", "b", Severity.CRITICAL, object="b")
    desk.announce()
    assert [text.partition("\n")[0] for text in desk.texts()[1:]] == ["🔴 <b>SPARE LOST</b>  b"]
    desk.pass_time(hours=2)
    alerts.tell("spare_lost", "a", Severity.WARNING, object="a")
    desk.announce()
    assert "🟡 <b>SPARE LOST</b>  a" in desk.texts()[-1]


def test_an_admin_starts_a_task_whose_arguments_are_checked(desk: Desk) -> None:
    link(ANNA, "anna", Role.ADMIN)
    assert desk.say("/run nonsense") == "task: there is no nonsense"
    assert "none; this task takes" in desk.say("/run refresh_campaign number=1")
    assert "cannot be x" in desk.say("/run refresh_campaign campaign_id=x")
    assert desk.say("/run refresh_campaign campaign_id=12") == "Sure? run refresh_campaign {'campaign_id': 12}"
    assert desk.press("Yes, run").startswith("sent refresh_campaign to ")
    assert desk.sent("refresh_campaign") == [{"campaign_id": 12}]
    assert audited("task.enqueue")[0][:2] == ("telegram", "anna")


def test_an_incident_is_acknowledged_by_command(desk: Desk) -> None:
    assert desk.say("/ack") == "nothing is open"
    alert_id = unsafe(desk)
    assert desk.say("/ack 4711") == "incident: there is no #4711"
    assert desk.say("/ack") == f"incident #{alert_id} is yours"
    assert desk.say(f"/ack #{alert_id}") == "already changed: acked by anna"
    for name in ("a.example", "b.example"):
        alerts.tell("drift", name, Severity.WARNING, object=name)
    assert [line.split()[1:] for line in desk.say("/ack").splitlines()[1:]] == [
        ["drift", "a[.]example"],
        ["drift", "b[.]example"],
    ]


def test_a_group_that_moved_is_still_the_group(desk: Desk) -> None:
    announcements.move_chat(CHAT, -42, now())
    for chat in (CHAT, -42):
        assert desk.say("/hold", chat=chat) != NOT_HERE
    assert [message["chat_id"] for message in desk.messages()] == [CHAT, -42]


def test_an_update_that_two_processes_get_is_answered_by_one(desk: Desk) -> None:
    update = {"update_id": 70, "message": desk.message(ANNA, CHAT) | {"text": "/hold"}}
    found = together(*[lambda: bot.handle(update)] * 3)
    assert [one is None for one in found].count(False) == 1
    assert len(audited("failover.hold")) == 1
