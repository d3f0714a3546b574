"""Each paragraph of the tracking domains' seed as one story, in both modes, with the outside behind real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from config.settings import get_settings
from core.domains import pipelines
from core.domains.persons import By
from models.database import execute, fetch
from models.fields import bind
from models.pipeline_writes import Settings
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT
from tests.flows.conftest import Product
from web.app import make_app
from web.serve import make_embedded_server
from worker.domains.spares import check_blocked_tracking_domains

OLD, NEW, LAST = "c34.sandbox.test", "c35.sandbox.test", "c36.sandbox.test"
ANNA = By("anna")


@pytest.fixture(scope="module")
def outside() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(outside: Sandbox, settings_env: SettingsEnv, tmp_path: Any) -> Sandbox:
    """Everything outside, as new, and the settings that lead there; confirmations come soon."""
    outside.control("POST", "reset")
    outside.control("DELETE", "journal")
    authority = tmp_path / "authority.pem"
    authority.write_text(outside.authority_pem, encoding="ascii")
    settings_env(
        SANDBOX_URL=outside.url, CA_BUNDLE=str(authority), SAFE_BROWSING_PROVIDER="sandbox", CONFIRM_AFTER="1",
        DNS_CONFIRM_AFTER="1", WEB_URL="http://127.0.0.1", TELEGRAM_BOT_TOKEN="1:test", TELEGRAM_CHAT_ID=str(CHAT),
    )  # fmt: skip
    return outside


@pytest.fixture
def story(sandbox: Sandbox, product: Product) -> Iterator[Story]:
    """The product with its web server, to which outside checkers send their answers."""
    server = make_embedded_server(make_app(get_settings()), 0)
    server.start()
    sandbox.world.target = f"http://127.0.0.1:{server.port}"
    yield Story(sandbox, product)
    server.stop()


class Story:
    """A running product and its outside."""

    def __init__(self, sandbox: Sandbox, product: Product) -> None:
        self.sandbox, self.product = sandbox, product

    def pipeline(self, name: str = "DE-sweeps", domains: tuple[str, ...] = (OLD, NEW, LAST), **wish: Any) -> None:
        """A pipeline whose domains have been in use, and were looked at, for a while."""
        pipelines.create(name, domains, ANNA, Settings(**wish))
        execute("update pipeline_domain set role_since = %s", (bind(now() - timedelta(hours=1)),))

    def active(self, name: str = "DE-sweeps") -> str | None:
        found = pipelines.get(name).active
        return found.name if found else None

    def becomes(self, domain: str | None, name: str = "DE-sweeps") -> None:
        self.product.eventually(lambda: self.active(name) == domain, f"{domain} in {name}")

    def step(self, step: str) -> list[str]:
        rows = fetch("select state from switch_step where step = %s order by switch_id", (step,))
        return [state for (state,) in rows if state != "not_needed"]

    def ends(self, step: str) -> None:
        self.product.eventually(lambda: self.step(step)[-1:] == ["done"], f"the end of {step}")

    def told(self) -> list[str]:
        """What operators read in the chat."""
        return [message["text"] for message in self.sandbox.control("GET", "telegram/messages")["messages"]]


def test_the_reputation_check_blocks_a_listed_domain_and_goes_on_with_the_next_one(story: Story) -> None:
    story.pipeline()
    story.sandbox.host(OLD, listed=["SOCIAL_ENGINEERING"])
    story.product.fire("check_active_tracking_domains_via_gsb")
    story.becomes(NEW)
    assert fetch("select reason, trigger, actor from domain_switch where seq = 2") == [
        ("GSB_UNSAFE", "check", "system")
    ]
    assert [place.name for place in pipelines.get("DE-sweeps").places if place.role == "blocked"] == [OLD]
    story.ends("telegram")
    text = story.product.eventually(lambda: next((t for t in story.told() if "SWITCHED" in t), None), "the message")
    assert "c34[.]sandbox[.]test" in text
    assert "c35[.]sandbox[.]test" in text
    assert "suspected" in text


def test_the_reputation_check_is_followed_by_a_dns_check_that_blocks_what_does_not_resolve(story: Story) -> None:
    story.pipeline()
    story.sandbox.host(OLD, dns="nx")
    story.product.fire("check_active_tracking_domains_via_gsb")
    story.becomes(NEW)
    assert fetch("select reason from domain_switch where seq = 2") == [("DNS_NOT_RESOLVABLE",)]


def test_an_answer_to_a_safety_request_blocks_an_unsafe_domain(story: Story) -> None:
    story.pipeline()
    story.sandbox.host(OLD, listed=["MALWARE"])
    story.product.fire("check_active_tracking_domains_via_gsc")
    story.becomes(NEW)
    assert fetch("select status from domain_safety_request") == [("unsafe",)]
    assert fetch("select reason from domain_switch where seq = 2") == [("GSC_UNSAFE",)]


def test_a_switch_makes_the_campaigns_of_voluum_and_the_offers_of_affise_follow(story: Story) -> None:
    for number in range(3):
        story.sandbox.edit("voluum", f"{number:032x}", preferredTrackingDomain=OLD)
    story.sandbox.edit("affise", "7", url=f"https://{OLD}/c?clickid={{clickid}}", trafficback_url=f"https://{OLD}/")
    story.pipeline(with_update_voluum=True, with_update_affise=True)
    story.sandbox.host(OLD, listed=["SOCIAL_ENGINEERING"])
    story.product.fire("check_active_tracking_domains_via_gsb")
    story.becomes(NEW)
    story.ends("voluum")
    story.ends("affise")
    campaigns = story.sandbox.control("GET", "state/voluum")["campaigns"]
    assert [one["id"][-1] for one in campaigns if one["preferredTrackingDomain"] == NEW] == ["0", "1", "2"]
    [offer] = [one for one in story.sandbox.control("GET", "state/affise")["offers"] if one["id"] == 7]
    assert (offer["url"], offer["trafficback_url"]) == (f"https://{NEW}/c?clickid={{clickid}}", f"https://{NEW}/")
    told = story.product.eventually(lambda: next((t for t in story.told() if "Affise:" in t), None), "the message")
    assert "Voluum:" in told


def test_without_the_flags_no_platform_is_touched(story: Story) -> None:
    story.sandbox.control("POST", "seed", {"seed": 1, "size": "s"})
    story.pipeline()
    story.sandbox.host(OLD, listed=["SOCIAL_ENGINEERING"])
    story.product.fire("check_active_tracking_domains_via_gsb")
    story.becomes(NEW)
    story.ends("telegram")
    assert story.step("voluum") == story.step("affise") == []
    written = [row for name in ("voluum", "affise") for row in story.sandbox.journal(name) if row["effect"]]
    assert written == []


def test_a_pipeline_without_a_spare_is_exhausted_until_one_comes(story: Story) -> None:
    story.pipeline(domains=(OLD,))
    story.sandbox.host(OLD, listed=["SOCIAL_ENGINEERING"])
    story.product.fire("check_active_tracking_domains_via_gsb")
    story.becomes(None)
    story.product.eventually(lambda: any("EXHAUSTED" in text for text in story.told()), "the message")
    pipelines.extend("DE-sweeps", [NEW], ANNA)
    assert story.active() == NEW


def test_blocked_domains_that_are_safe_again_go_back_to_work(story: Story) -> None:
    story.pipeline(return_to_work=True)
    story.pipeline("IT-vpn", ("c1.sandbox.test",))
    story.sandbox.host(OLD, listed=["SOCIAL_ENGINEERING"])
    story.product.fire("check_active_tracking_domains_via_gsb")
    story.becomes(NEW)
    story.sandbox.host(OLD, listed=None)
    execute("update pipeline_domain set blocked_at = %s where role = 'blocked'", (bind(now() - timedelta(hours=7)),))
    story.product.fire("check_blocked_tracking_domains")
    assert [place.role for place in pipelines.get("DE-sweeps").places if place.name == OLD] == ["blocked"]
    execute("update pipeline_domain set last_clean_at = %s", (bind(now() - timedelta(hours=2)),))
    check_blocked_tracking_domains.send()
    spare = "select p.role from pipeline_domain p join tracking_domain d on d.id = p.domain_id where d.name = %s"
    story.product.eventually(lambda: fetch(spare, (OLD,)) == [("backup",)], "the return")
    assert story.active() == NEW
