"""What operators are warned of before it hurts: on both engines, against a sandbox that plays every source."""

from __future__ import annotations

from models.database import execute
from sandbox.server import Sandbox
from tests.core.domains.yard import pipeline, read, roles
from tests.worker.domains.field import HOUR, MINUTE, incidents
from tests.worker.domains.places import Shift
from tests.worker.postroom import sent
from worker.domains.spares import check_spare_tracking_domains as sweep

A, B = (f"{name}.sandbox.test" for name in "ab")


def test_a_hold_at_the_registry_is_told_at_once_and_asked_about_once_a_day(shift: Shift, sandbox: Sandbox) -> None:
    used, spare = "a.hold.test", "b.hold.test"
    for name in (used, spare):
        sandbox.host(name, dns="ok")
    pipeline("P", used, spare)
    for _ in range(2):
        sweep()
        shift(6 * MINUTE)
    assert incidents("registrar_hold") == [(used, "critical", 1), (spare, "warning", 1)]
    assert (read().next_domain, [row["path"] for row in sandbox.journal("rdap")].count("/rdap/domain/hold.test")) == (
        None,
        1,
    )


def test_an_end_is_warned_of_once_per_threshold_until_it_is_renewed(shift: Shift, sandbox: Sandbox) -> None:
    short = "tls3d.sandbox.test"
    pipeline("P", A, short)
    sweep()
    assert (sweep(), incidents("expiry")) == (0, [(f"{short}:certificate:7", "warning", 1)])
    shift(6 * MINUTE)
    for _ in range(2):
        sweep()
    assert incidents("expiry") == [(f"{short}:certificate:3", "warning", 1), (f"{short}:certificate:7", "warning", 1)]
    sandbox.host(short, tls="valid")
    shift(HOUR)
    sweep()
    assert incidents("expiry") == []


def test_an_active_domain_with_a_refused_certificate_is_told_and_blocked_only_where_that_is_wanted(
    shift: Shift,
) -> None:
    wrong = "tlswrong.sandbox.test"
    pipeline("P", wrong, B)
    sweep()
    assert (incidents("tls_invalid"), sent("block_active_tracking_domain")) == ([(wrong, "critical", 1)], [])
    execute("update tracking_domain_pipeline set block_on_tls = %s", (True,))
    shift(HOUR)
    sweep()
    [call] = sent("block_active_tracking_domain")
    assert (call["domain"], call["reason"], call["evidence_id"] is not None) == (wrong, "TLS_INVALID", True)
    assert roles()[wrong] == "active"


def test_an_active_domain_without_a_page_is_told_after_the_second_look(shift: Shift) -> None:
    silent = "http503.sandbox.test"
    pipeline("P", silent, B)
    sweep()
    assert incidents("http_down") == []
    shift(MINUTE)
    sweep()
    assert incidents("http_down") == [(silent, "critical", 1)]
