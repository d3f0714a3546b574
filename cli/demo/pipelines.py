"""The demo's tracking domains: two pipelines, one host that gets listed, and what follows, told as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.clock import monotonic
from core.bot import people
from core.domains import pipelines
from core.domains.persons import By
from models.database import db, fetch
from models.pipeline_writes import Settings
from sandbox.server import Sandbox
from sandbox.telegram.page import SOMEBODY

PIPELINES = {
    "DE-sweeps": ("go1.sandbox.test", "go2.sandbox.test", "go3.sandbox.test"),
    "IT-vpn": ("it1.sandbox.test", "it2.sandbox.test"),
}
CAMPAIGNS, OFFERS = 8, 2
LISTED, THREAT = "go1.sandbox.test", "SOCIAL_ENGINEERING"
LISTED_AFTER = 4.0
CHAT = -1001000000001
_SWITCHES = """
select s.id, p.name, a.name, b.name, s.reason, s.seq from domain_switch s
join tracking_domain_pipeline p on p.id = s.pipeline_id
left join tracking_domain a on a.id = s.from_domain_id left join tracking_domain b on b.id = s.to_domain_id
where s.trigger <> 'create' order by s.id
"""
_STEPS = "select switch_id, step, state, items_done, items_total from switch_step order by switch_id, step"
_ENDED = frozenset({"done", "partial", "failed", "superseded", "not_needed"})
_OBJECTS = {"voluum": "campaigns", "affise": "offer addresses"}


def settings(folder: Path, sandbox: Sandbox) -> dict[str, object]:
    """Settings that let everything outside be played by the sandbox, at a speed at which one likes to watch."""
    authority = folder / "data" / "authority.pem"
    authority.write_text(sandbox.authority_pem, encoding="ascii")
    return {
        "sandbox_url": sandbox.url, "ca_bundle": authority, "safe_browsing_provider": "sandbox",
        "check_active_links_interval": 3, "confirm_after": 2, "dns_confirm_after": 2, "platform_check_interval": 30,
        "telegram_bot_token": "1:demo", "telegram_chat_id": CHAT,
    }  # fmt: skip


def build(sandbox: Sandbox) -> None:
    """Create the pipelines; campaigns and offers that use their domains are at the sandbox."""
    sandbox.edit("gsb", "settings", cache_seconds=[1])
    sandbox.edit("voluum", "settings", domains=[domain for domains in PIPELINES.values() for domain in domains])
    wish = Settings(with_update_voluum=True, with_update_affise=True, return_to_work=True)
    for number, (name, domains) in enumerate(PIPELINES.items()):
        pipelines.create(name, domains, By("demo"), wish)
        _furnish(sandbox, number, domains[0])
    _know_operator()


def _furnish(sandbox: Sandbox, number: int, domain: str) -> None:
    """Campaigns and offers that use a domain."""
    for place in range(CAMPAIGNS):
        sandbox.edit("voluum", f"{number:08x}{place:024x}", preferredTrackingDomain=domain)
    for place in range(OFFERS):
        urls = {"url": f"https://{domain}/c?clickid={{clickid}}", "trafficback_url": f"https://{domain}/tb"}
        sandbox.edit("affise", str(9_001 + number * OFFERS + place), **urls, status="active")


def _know_operator() -> None:
    """Whoever opens the page of the chat may press and write there."""
    by = By("demo")
    code = people.invite("you", people.Role.ADMIN, by)
    with db.atomic():
        people.link(code, SOMEBODY, by)


class Watch:
    """Lists a host once, and tells what the product makes of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._begun = sandbox, monotonic()
        self._listed = False
        self._told: set[tuple[Any, ...]] = set()

    def news(self) -> Iterator[str]:
        """Lines about what has happened since the last time."""
        if not self._listed and monotonic() - self._begun > LISTED_AFTER:
            self._listed = True
            self._sandbox.host(LISTED, listed=[THREAT])
            yield f"somebody reports {LISTED}: it is listed as {THREAT}"
        for number, pipeline, source, to, reason, seq in fetch(_SWITCHES):
            if self._new("switch", number):
                yield f"SWITCHED  {pipeline}: {source} -> {to or 'no spare is left'}  ({reason}, #{seq})"
        for number, step, state, done, total in fetch(_STEPS):
            if state in _ENDED - {"not_needed"} and self._new(step, number, state):
                yield _told_step(step, state, done, total)

    def over(self) -> bool:
        """Whether the switch that the listing causes was made, and everything that follows it has ended."""
        steps = [state for number, _, state, *_ in fetch(_STEPS) if ("switch", number) in self._told]
        return bool(steps) and _ENDED.issuperset(steps)

    def _new(self, *what: Any) -> bool:
        fresh = what not in self._told
        self._told.add(what)
        return fresh


def _told_step(step: str, state: str, done: int, total: int) -> str:
    if step == "telegram":
        return "Telegram: operators are told"
    return f"{step.capitalize()}: {done}/{total} {_OBJECTS[step]} follow, read back ({state})"
