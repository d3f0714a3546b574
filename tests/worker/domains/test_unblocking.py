"""Blocked domains come back when they were clean for long enough: on both engines, against the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from config.clock import now
from integrations.errors import Unavailable
from models.database import execute, fetch
from models.domain_states import Verdict
from models.fields import bind
from sandbox.server import Sandbox
from tests.core.domains import yard
from tests.core.domains.yard import answer, pipeline, read, roles
from tests.together import together
from tests.worker.domains.field import HOUR, incidents
from tests.worker.domains.places import Shift
from tests.worker.postroom import sent
from worker.domains.news import announce_pipeline_switch as announce
from worker.domains.spares import check_blocked_tracking_domains as recheck
from worker.domains.spares import unblock_blocked_tracking_domain as unblock

A, B, C = (f"{name}.sandbox.test" for name in "abc")


def blocked(*domains: str, reason: str = "GSB_UNSAFE", **settings: Any) -> None:
    """A pipeline whose first domain was listed and blocked just now."""
    made = pipeline("P", *domains, **settings)
    assert made.block_active_domain(reason, evidence=answer(domains[0], Verdict.UNSAFE))


def due(domain: str) -> None:
    """It was blocked long ago, and clean often enough since."""
    execute(
        "update pipeline_domain set clean_count = 2, blocked_at = %s where role = 'blocked' and domain_id = %s",
        (bind(now() - 7 * HOUR), yard.domain(domain).id),
    )


def elsewhere(name: str, *, back: bool) -> None:
    """Another pipeline in which the domain is blocked too."""
    other = pipeline(name, f"{name.lower()}.sandbox.test", return_to_work=back)
    execute(
        "insert into pipeline_domain (pipeline_id, domain_id, role, role_since, block_reason, blocked_at) "
        "values (%s, %s, 'blocked', %s, 'GSB_UNSAFE', %s)",
        (other.id, yard.domain(A).id, bind(now()), bind(now())),
    )


def test_a13_a_blocked_domain_stays_blocked_after_one_clean_look_and_is_sent_for_after_two_and_six_hours(
    shift: Shift,
) -> None:
    blocked(A, B)
    assert (recheck(), sent(unblock.actor_name)) == (0, [])
    shift(2 * HOUR)
    assert recheck() == 0
    shift(2 * HOUR)
    assert (recheck(), roles()[A]) == (0, "blocked")
    shift(2 * HOUR)
    assert (recheck(), sent(unblock.actor_name), roles()[A]) == (1, [{"domain": A}], "blocked")
    recheck()
    assert sent(unblock.actor_name) == [{"domain": A}]


@pytest.mark.parametrize("trouble", [{"listed": ["MALWARE"]}, {"dns": "nx"}])
def test_a_bad_look_starts_the_count_again(shift: Shift, sandbox: Sandbox, trouble: dict[str, Any]) -> None:
    blocked(A, B)
    recheck()
    shift(2 * HOUR)
    sandbox.host(A, **trouble)
    recheck()
    assert fetch("select clean_count from pipeline_domain where role = 'blocked'") == [(0,)]


def test_looks_that_see_nothing_neither_count_nor_start_the_count_again(shift: Shift, sandbox: Sandbox) -> None:
    blocked(A, B)
    recheck()
    rule = sandbox.fault("gsb", {"type": "drop"})
    shift(2 * HOUR)
    recheck()
    assert fetch("select clean_count from pipeline_domain where role = 'blocked'") == [(1,)]
    sandbox.control("DELETE", f"faults/{rule}")


def test_what_a_person_blocked_is_only_reported(shift: Shift) -> None:
    blocked(A, B, reason="MANUAL")
    due(A)
    for _ in range(2):
        assert recheck() == 0
    assert (sent(unblock.actor_name), incidents("safe_again"), roles()[A]) == ([], [(A, "info", 1)], "blocked")
    unblock(A)
    assert roles()[A] == "blocked"


def test_a14_a_domain_that_is_blocked_in_three_pipelines_works_in_the_first_and_is_parked_in_the_others(
    shift: Shift,
) -> None:
    blocked(A, B, return_to_work=True)
    elsewhere("Q", back=True)
    elsewhere("R", back=False)
    due(A)
    unblock(A)
    assert [roles(name)[A] for name in "PQR"] == ["backup", "parked", "parked"]
    assert incidents("parked") == [(f"{A}/Q", "warning", 1), (f"{A}/R", "warning", 1)]
    assert [row[0] for row in fetch("select distinct action from telegram_button order by 1")] == [
        "keep_out", "return_to_work",
    ]  # fmt: skip
    before = yard.everything()
    unblock(A)
    assert (yard.everything(), read().active_domain) == (before, B)


def test_a15_a_domain_that_returns_to_an_exhausted_pipeline_is_in_use_and_everything_follows(shift: Shift) -> None:
    blocked(A, return_to_work=True, with_update_voluum=True)
    announce(yard.switches()[-1].id)
    assert [severity for _, severity, _ in incidents("exhausted")] == ["critical"]
    due(A)
    unblock(A)
    last = yard.switches()[-1]
    assert (read().active_domain, str(last.trigger), str(read().status)) == (A, "return", "active")
    assert sent("update_voluum_campaigns") == [{"switch_id": last.id}]
    assert {"switch_id": last.id} in sent("announce_pipeline_switch")
    announce(last.id)
    assert incidents("exhausted") == []


def test_a_domain_that_is_listed_again_at_the_last_look_stays_and_starts_anew(shift: Shift, sandbox: Sandbox) -> None:
    blocked(A, B, return_to_work=True)
    due(A)
    sandbox.host(A, listed=["MALWARE"])
    unblock(A)
    assert (roles()[A], fetch("select clean_count from pipeline_domain where role = 'blocked'")) == ("blocked", [(0,)])


def test_a_last_look_that_sees_nothing_is_tried_again(shift: Shift, sandbox: Sandbox) -> None:
    blocked(A, B, return_to_work=True)
    due(A)
    sandbox.fault("gsb", {"type": "drop"})
    with pytest.raises(Unavailable):
        unblock(A)
    assert roles()[A] == "blocked"


def test_a_message_that_comes_late_does_not_free_what_was_blocked_anew(shift: Shift, sandbox: Sandbox) -> None:
    blocked(A, B, return_to_work=True)
    unblock(A)
    unblock("nobody.example")
    assert (roles()[A], incidents("parked")) == ("blocked", [])


def test_a_domain_that_was_blocked_for_its_certificate_returns_only_with_a_good_one(
    shift: Shift, sandbox: Sandbox
) -> None:
    expired = "tlsexpired.sandbox.test"
    blocked(expired, B, reason="TLS_INVALID")
    recheck()
    assert fetch("select clean_count from pipeline_domain where role = 'blocked'") == [(0,)]
    sandbox.host(expired, tls="valid")
    shift(2 * HOUR)
    recheck()
    assert fetch("select clean_count from pipeline_domain where role = 'blocked'") == [(1,)]


def test_two_messages_at_once_return_a_domain_once(shift: Shift) -> None:
    blocked(A, return_to_work=True)
    due(A)

    together(lambda: unblock(A), lambda: unblock(A))
    assert (read().active_domain, [switch.seq for switch in yard.switches()]) == (A, [1, 2, 3])
