"""Brakes on the way to a switch: each keeps the domain, says so in one incident, and ends by a person's word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from core.domains import holds, pipelines, preflight
from core.domains.pipeline_settings import Wish, configure
from models import pipeline_writes
from models.database import fetch
from models.domain_states import Mode, Source
from models.pipeline_writes import Settings
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, pipeline, read
from tests.worker.domains.duty import A, B, C, Duty, buttons, incident, told
from worker.alerts import Severity
from worker.domains import persons

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PAGE = "https://landing.shop.test/offer"


def test_a16_when_half_of_all_domains_go_bad_nobody_is_switched_and_there_is_one_message(duty: Duty) -> None:
    names = [f"d{number}.sandbox.test" for number in range(20)]
    for number, name in enumerate(names):
        pipeline(f"P{number}", name, f"s{number}.sandbox.test")
    rows = [duty.suspected(name) for name in names[:10]]
    for name, row in zip(names, rows, strict=False):
        duty.block(name, evidence=row)
    duty.wait(30)
    assert fetch("select count(*) from domain_switch where seq > 1")[0][0] == 0
    assert pipeline_writes.control().reason == "blast_radius"
    found = incident("held", "all")
    assert found is not None
    assert (found.severity, found.payload["object"]) == (Severity.CRITICAL, "10 of 20 active domains")
    assert names[3] in found.payload["happened"]
    assert fetch("select count(*) from alert")[0][0] == 1
    assert buttons("held", "all") == ["Release all"]


def test_a6_a_held_pipeline_is_confirmed_and_kept_until_the_release_asks_again(duty: Duty) -> None:
    pipeline("P", A, B)
    holds.hold("P", "a partner asked", ANNA)
    duty.confirmed()
    assert read().active_domain == A
    assert "anna holds the pipeline: a partner asked" in told("held", "P")["done"]
    assert "confirmed 2x, 30 s apart; lists can err" in told("held", "P")["happened"]
    duty.wait(3600)
    assert [each.domain for each in persons.release("P", ANNA)] == [A]
    duty.run()
    assert (read().active_domain, incident("held", "P")) == (A, None)
    duty.wait(30)
    assert (read().active_domain, incident("held", "P")) == (B, None)


def test_the_release_of_all_asks_about_every_domain_that_is_still_bad(duty: Duty) -> None:
    pipeline("P", A, B)
    pipeline("Q", C, "d.sandbox.test")
    holds.hold_all("resolver trouble", ANNA)
    duty.confirmed(A)
    duty.confirmed(C)
    assert (read("P").active_domain, read("Q").active_domain) == (A, C)
    assert "anna holds all pipelines: resolver trouble" in told("held", "all")["done"]
    assert sorted(each.domain for each in persons.release_all(ANNA)) == [A, C]
    duty.run()
    duty.wait(30)
    assert (read("P").active_domain, read("Q").active_domain, incident("held", "all")) == (
        B, "d.sandbox.test", None,
    )  # fmt: skip


def test_a_hold_names_the_command_that_ends_it_and_when_it_ends_by_itself(duty: Duty) -> None:
    pipeline("DE sweeps", A, B)
    holds.hold("DE sweeps", "a partner asked", ANNA, until=now() + 2 * HOUR)
    duty.confirmed()
    words = told("held", "DE sweeps")
    assert f"anna holds the pipeline until {now() + 2 * HOUR:%d.%m %H}:" in words["done"]
    assert words["left"].startswith("signalbox pipelines release 'DE sweeps', or move by hand: ")
    assert words["left"].endswith("signalbox pipelines switch 'DE sweeps'")


def test_a17_a_listed_page_behind_the_pipeline_holds_it(duty: Duty) -> None:
    made = pipeline("P", A, B)
    pipeline_writes.add_destinations([(made.id, PAGE)])
    duty.sandbox.host("landing.shop.test", listed=["MALWARE"])
    duty.confirmed()
    assert (read().active_domain, read().held_reason, read().held_by) == (A, "fix_the_cause", "system")
    assert "a new domain would burn, too" in told("held", "P")["done"]
    assert buttons("held", "P") == ["Release"]
    duty.sandbox.host("landing.shop.test", listed=[])
    persons.release("P", ANNA)
    duty.run()
    duty.wait(1800)
    duty.confirmed()
    assert read().active_domain == B


def test_a_listed_page_that_is_behind_a_pipeline_no_more_holds_nobody(duty: Duty) -> None:
    made = pipeline("P", A, B)
    pipeline_writes.add_destinations([(made.id, PAGE)])
    duty.sandbox.host("landing.shop.test", listed=["MALWARE"])
    duty.confirmed()
    assert "pipelines set P --no-destination URL), then signalbox pipelines release P" in told("held", "P")["left"]
    configure("P", ANNA, Wish(Settings(), gone=[PAGE]))
    persons.release("P", ANNA)
    duty.run()
    duty.wait(30)
    assert read().active_domain == B


def test_a17_a_second_listing_and_a_third_switch_within_a_day_hold_the_pipeline(duty: Duty) -> None:
    pipeline("P", A, B, C)
    duty.confirmed(A)
    duty.wait(3600)
    duty.confirmed(B)
    assert (read().active_domain, read().held_reason) == (B, "fix_the_cause")
    pipeline("Q", *(f"q{number}.sandbox.test" for number in range(4)))
    for number in range(3):
        duty.confirmed(f"q{number}.sandbox.test", Source.DNS, "DNS_NOT_RESOLVABLE")
        duty.wait(3600)
    assert (read("Q").active_domain, read("Q").held_reason) == ("q2.sandbox.test", "too_many_switches")
    assert "as many automatic switches" in told("held", "Q")["done"]


def test_watch_tells_once_and_changes_nothing(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.WATCH)
    duty.confirmed()
    duty.confirmed()
    found = incident("unsafe", A)
    assert found is not None
    assert (found.count, found.severity, buttons("unsafe", A)) == (1, Severity.CRITICAL, ["Ignore 6 h"])
    assert (read().active_domain, len(yard.switches())) == (A, 1)


def test_a_hold_that_is_put_on_while_the_spares_are_looked_at_has_its_say(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline("P", A, B)
    real = preflight.prove

    def slow(line: Any) -> None:
        real(line)
        holds.hold("P", "wait", ANNA)

    monkeypatch.setattr("core.domains.preflight.prove", slow)
    duty.confirmed()
    assert (read().active_domain, len(yard.switches())) == (A, 1)
    assert incident("held", "P") is not None


def test_a_person_who_puts_domains_back_or_moves_by_hand_starts_the_steps(duty: Duty) -> None:
    pipeline("P", A, B, with_update_voluum=True)
    pipelines.park("P", B, "later", ANNA)
    persons.switch("P", ANNA, "listed", block=True)
    persons.put_back("P", B, "needed", ANNA)
    assert (read().active_domain, str(yard.switches()[-1].trigger)) == (B, "return")
    persons.switch("P", ANNA, "listed", block=True)
    persons.extend("P", [C], ANNA, pipeline_writes.Settings())
    duty.run()
    switched = [arguments["switch_id"] for task, arguments in duty.sent if task == "announce_pipeline_switch"]
    assert switched == [row.id for row in yard.switches()[1:]]
    assert len([task for task, _ in duty.sent if task == "update_voluum_campaigns"]) == 2
