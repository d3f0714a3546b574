"""The tasks that sweep active domains: what they send on, what they tell, whatever happens to provider and worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine

from config import catalog
from config.clock import now
from core import alert_text
from models.database import execute, fetch
from models.domain_states import Source
from models.domains import CheckCycle, DomainEvidence, DomainState
from models.fields import bind
from sandbox.server import Sandbox
from scheduler.clock import trigger_of
from tests.conftest import SettingsEnv
from tests.core.domains import patrol, yard
from tests.together import together
from tests.worker.domains.mailroom import due, forget, serving, told
from tests.worker.postroom import sent
from worker.domains.checks import (
    check_active_tracking_domains_via_dns as check_dns,
)
from worker.domains.checks import (
    check_active_tracking_domains_via_gsb as check_gsb,
)

MINUTE = timedelta(minutes=1)
BLOCK, DNS = "block_active_tracking_domain", "check_active_tracking_domains_via_dns"


@pytest.fixture
def sandbox(_sandbox: Sandbox, database: Any, settings_env: SettingsEnv) -> Iterator[Sandbox]:
    with serving(_sandbox, settings_env) as running:
        yield running


@pytest.fixture
def small_sandbox(_sandbox: Sandbox, sqlite_database: Any, settings_env: SettingsEnv) -> Iterator[Sandbox]:
    """The same on one engine, for what takes its time."""
    with serving(_sandbox, settings_env) as running:
        yield running


def test_the_sweeps_fire_when_the_settings_and_the_hour_say(settings_env: SettingsEnv) -> None:
    settings_env(CHECK_ACTIVE_LINKS_INTERVAL="7")
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def fires(task: str, minutes: int) -> list[datetime]:
        return list(trigger_of(catalog.TASKS[task], None).between(noon, noon + minutes * MINUTE))

    gaps = {later - one for one, later in pairwise(fires("check_active_tracking_domains_via_gsb", 10))}
    assert gaps == {timedelta(seconds=7)}
    assert fires("check_active_tracking_domains_via_gsc", 120) == [noon + number * 60 * MINUTE for number in (1, 2)]
    assert len(fires("check_blocked_tracking_domains", 24 * 60)) == 12


def test_one_listed_domain_of_two_is_one_order_and_dns_is_asked_once(sandbox: Sandbox) -> None:
    listed, _ = patrol.fleet(2)
    patrol.listed(sandbox, listed)
    assert check_gsb() == 2
    (order,) = sent(BLOCK)
    row = DomainEvidence.get_by_id(order.pop("evidence_id"))
    assert (order, row.subject) == ({"domain": listed, "reason": "GSB_UNSAFE"}, listed)
    assert (sent(DNS), told()) == ([{}], {})


def test_an_outage_of_twelve_cycles_is_one_incident_and_no_order(sandbox: Sandbox) -> None:
    patrol.listed(sandbox, *patrol.fleet(3)[:2])
    sandbox.fault("gsb", {"type": "status", "status": 503})
    with time_machine.travel(now(), tick=True) as travel:
        for _ in range(12):
            check_gsb()
            assert (sent(BLOCK), sent(DNS)) == ([], [{}])
            forget()
            travel.shift(5 * MINUTE)
        assert [(key, one.severity, one.count) for key, one in told().items()] == [("checker_blind gsb", "warning", 1)]
        (blind,) = told().values()
        assert "reputation blind since" in blind.payload["happened"]
        check_gsb()
        (blind,) = told().values()
        assert (blind.count, len(fetch("select 1 from alert"))) == (2, 1)


def test_blindness_is_over_as_soon_as_the_canaries_sing(sandbox: Sandbox) -> None:
    patrol.fleet(1)
    sandbox.host("malware.canary.sandbox.test", listed=[])
    check_gsb()
    assert "an address that is always listed came back clean" in told()["checker_blind gsb"].payload["happened"]
    sandbox.reset()
    check_gsb()
    assert told() == {}


def test_without_a_provider_the_checks_say_so_and_dns_goes_on(
    sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    patrol.fleet(1)
    monkeypatch.delenv("SAFE_BROWSING_PROVIDER")
    settings_env()
    check_gsb()
    assert (sent(BLOCK), sent(DNS)) == ([], [{}])
    assert "SAFE_BROWSING_PROVIDER is not set" in told()["checker_blind gsb"].payload["happened"]


def test_a_dead_name_waits_for_its_second_round_once_and_is_ordered_after_it(sandbox: Sandbox) -> None:
    gone, fine = patrol.fleet(2)
    sandbox.host(gone, dns="nx")
    sandbox.host(fine, dns="ok")
    with time_machine.travel(now(), tick=False) as travel:
        for _ in range(2):
            check_dns()
        assert (sent(DNS), due()) == ([{"domains": [gone], "round": 2}], [MINUTE])
        assert sent(BLOCK) == []
        forget()
        travel.shift(MINUTE)
        check_dns([gone], 2)
    (order,) = sent(BLOCK)
    assert (order["domain"], order["reason"], sent(DNS)) == (gone, "DNS_NOT_RESOLVABLE", [])


def test_liars_failures_silence_and_sinkholes_are_each_the_right_incident_and_no_order(
    small_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 4.0)
    lied, failing, silent, sunk = names = patrol.fleet(4)
    for name, dns in zip(names, ("2=nx", "servfail", "silent", "sink"), strict=True):
        small_sandbox.host(name, dns=dns)
    check_dns()
    assert sorted(told()) == [f"dns_differing {lied}", f"dns_sinkholed {sunk}"]
    assert sent(DNS) == [{"domains": [failing, silent, sunk], "round": 1}]
    with time_machine.travel(now() + 16 * MINUTE, tick=True):
        check_dns([failing, silent])
        broken = [f"dns_broken {failing}", f"dns_broken {silent}"]
        assert sorted(told()) == [*broken, f"dns_differing {lied}", f"dns_sinkholed {sunk}"]
        assert patrol.verdicts(Source.DNS, *names) == ["safe", "unknown", "unknown", "unknown"]
        for name in names:
            small_sandbox.host(name, dns="ok")
        check_dns([failing])
        assert len(told()) == 3
        check_dns()
    assert (told(), sent(BLOCK)) == ({}, [])


def test_half_of_twenty_domains_at_once_is_one_message_that_names_them_and_nobody_is_ordered(sandbox: Sandbox) -> None:
    names = patrol.fleet(20)
    patrol.listed(sandbox, *names[:10])
    for _ in range(2):
        check_gsb()
    assert (sent(BLOCK), len(sent(DNS))) == ([], 1)
    (held,) = told().values()
    assert (held.kind, held.key, held.severity, held.count) == ("held", "all", "critical", 2)
    assert held.payload["names"] == sorted(names[:10])
    text = alert_text.compose(held, "UTC")
    assert "10 of 20 active domains" in text.splitlines()[0]
    assert all(name.replace(".", "[.]") in text for name in names[:10])
    assert len(fetch("select 1 from telegram_button")) == 1
    assert [one.action for one in CheckCycle.select()] == ["held", "held"]


def test_a_listed_page_is_told_until_it_is_clean(sandbox: Sandbox) -> None:
    patrol.fleet(1)
    patrol.destination("P0", "https://landing.shop.test/")
    patrol.listed(sandbox, "landing.shop.test")
    with time_machine.travel(now(), tick=True) as travel:
        check_gsb()
        (page,) = told().values()
        assert (page.kind, page.key, page.severity) == ("landing_listed", "https://landing.shop.test/", "critical")
        assert "suspected SOCIAL_ENGINEERING" in page.payload["happened"]
        assert "lists can err" in page.payload["happened"]
        sandbox.host("landing.shop.test", listed=[])
        travel.shift(31 * MINUTE)
        check_gsb()
    assert (told(), sent(BLOCK)) == ({}, [])


def test_a_domain_that_recovers_in_a_held_pipeline_closes_its_incidents(sandbox: Sandbox) -> None:
    (name,) = patrol.fleet(1)
    patrol.held("P0")
    patrol.listed(sandbox, name)
    with time_machine.travel(now(), tick=True) as travel:
        check_gsb()
        alerts = (("unsafe", name), ("held", "P0"), ("unsafe", "other.test"))
        for kind, key in alerts:
            execute(
                "insert into alert (kind, dedupe_key, severity, first_seen_at, last_seen_at, payload) "
                "values (%s, %s, 'critical', %s, %s, '{}')",
                (kind, key, bind(now()), bind(now())),
            )
        sandbox.host(name, listed=[])
        travel.shift(31 * MINUTE)
        check_gsb()
    assert sorted(told()) == ["unsafe other.test"]


def test_a_worker_that_dies_before_the_end_leaves_nothing_and_the_next_run_does_it_all(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = patrol.fleet(1)
    patrol.listed(sandbox, name)
    for place in ("models.cycles.end", "worker.domains.check_news.of_reputation", "worker.domains.checks._order"):
        with monkeypatch.context() as patch:
            patch.setattr(place, _die)
            with pytest.raises(RuntimeError):
                check_gsb()
        assert (DomainEvidence.select().count(), DomainState.select().count(), sent(BLOCK), sent(DNS)) == (0, 0, [], [])
    check_gsb()
    assert (len(sent(BLOCK)), len(sent(DNS)), DomainEvidence.select().count()) == (1, 1, 1)


def _die(*_: Any, **__: Any) -> None:
    raise RuntimeError("killed")


def test_two_sweeps_at_once_store_each_answer_once(sandbox: Sandbox) -> None:
    names = patrol.fleet(10)
    patrol.listed(sandbox, *names[:2])
    together(check_gsb, check_gsb)
    assert {order["domain"] for order in sent(BLOCK)} == set(names[:2])
    states = {state.domain_id: state.verdict.value for state in DomainState.select()}
    assert [states[yard.domain(name).id] for name in names] == ["unsafe"] * 2 + ["safe"] * 8
    # one question to the resolvers that waits is enough for both
    assert (len(sent(DNS)), CheckCycle.select().count()) == (1, 2)
