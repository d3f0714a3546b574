"""The daily message: it comes every day, once, with what operators need and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.clock import now
from core import digest
from core.domains import spares
from integrations.errors import Unavailable
from integrations.telegram_text import plain
from models.database import execute
from models.digest_facts import LastCheck
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.chatroom import START
from tests.core.domains import yard
from tests.worker.bot_room import Desk, desk, sandbox
from worker import alerts
from worker.alerts import Severity
from worker.digest import send_domains_digest
from worker.domains import persons

__all__ = ["desk", "sandbox"]
TOO_MANY = '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}'


def lines(desk: Desk) -> list[str]:
    return plain(desk.texts()[-1]).splitlines()


def test_a_quiet_day_is_told_too_and_once(desk: Desk) -> None:
    send_domains_digest()
    send_domains_digest()
    assert len(desk.messages()) == 1
    assert desk.messages()[0]["silent"]
    assert lines(desk) == [
        "🟢 DIGEST  21 Nov: nothing is open",
        "24 h: 0 switches, 0 domains blocked",
        "checks: none yet",
    ]
    desk.pass_time(days=1)
    send_domains_digest()
    assert lines(desk)[0] == "🟢 DIGEST  22 Nov: nothing is open"


def test_a_day_is_told_in_twelve_lines(desk: Desk) -> None:
    for number in range(6):
        yard.pipeline(f"P{number}", f"a{number}.example", f"b{number}.example")
    for _ in range(2):
        persons.switch("P1", yard.ANNA, "slow")
    persons.switch("P2", yard.ANNA, "listed", block=True)
    for number in range(6):
        alerts.tell(f"kind_{number}", "x", Severity.WARNING, object=f"c{number}.example")
        desk.pass_time(minutes=2)
    alerts.tell("expiry", "x", Severity.INFO, object="b1.example")
    for source, action in (("dns", "acted"), ("gsb", "blind")):
        started = bind(now() - timedelta(minutes=5))
        execute(
            "insert into check_cycle (source, started_at, ended_at, action) values (%s, %s, %s, %s)",
            (source, started, started, action),
        )
    send_domains_digest()
    told = lines(desk)
    assert len(told) <= 12
    assert told[0] == "🔵 DIGEST  21 Nov: 7 open: 6 warning, 1 info; 0 acknowledged"
    assert "24 h: 3 switches (P1 2, P2 1), 1 domain blocked" in told
    assert "quiet: EXPIRY 1" in told
    assert told[-4].startswith("🔴 P")
    assert told[-2] == "and 4 more pipelines run short of spares"
    assert told[-1] == "checks: dns ok 03:19, gsb BLIND 03:19"


def test_a_source_that_is_silent_is_named() -> None:
    check = LastCheck("gsb", START - timedelta(hours=30), True, "acted")
    facts = digest.Facts([], [], [], 0, [], [check])
    assert digest.lines(facts, START, "UTC")[-1] == "checks: gsb SILENT since 19 Nov 21:12"


def test_pipelines_with_enough_spares_are_one_line(desk: Desk) -> None:
    yard.pipeline("P", "a.example", "b.example", "c.example")
    yard.ready("b.example", "c.example")
    facts = digest.Facts([], [], [], 0, spares.overview(now()), [])
    assert digest.lines(facts, now(), "UTC")[1] == "spares: enough in 1 pipeline"


def test_a_digest_that_could_not_be_sent_is_sent_by_the_next_try(desk: Desk) -> None:
    fault = desk.sandbox.fault("telegram", {"type": "status", "status": 429, "body": TOO_MANY})
    with pytest.raises(Unavailable):
        send_domains_digest()
    desk.sandbox.control("DELETE", f"faults/{fault}")
    desk.pass_time(minutes=1)
    send_domains_digest()
    assert len(desk.messages()) == 1


def test_one_that_may_have_arrived_is_not_sent_twice(desk: Desk) -> None:
    desk.sandbox.fault("telegram", {"type": "commit_then_drop"}, times=1)
    send_domains_digest()
    desk.pass_time(minutes=5)
    send_domains_digest()
    assert len(desk.messages()) == 1


def test_it_is_read_at_any_time_by_command(desk: Desk) -> None:
    assert desk.say("/digest now").startswith("🟢 DIGEST  21 Nov")
    desk.pass_time(seconds=12)
    send_domains_digest()
    assert len(desk.messages()) == 2


def test_without_a_bot_there_is_only_a_log(desk: Desk, settings_env: SettingsEnv) -> None:
    settings_env(TELEGRAM_BOT_TOKEN="")
    send_domains_digest()
    assert desk.calls() == []
