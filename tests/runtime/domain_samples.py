"""What tasks of the domains find when a worker dies over them: pipelines, platforms that lag behind, requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from config.clock import now
from core.domains import affise_planning, pipelines, platforms, safety, steps
from models import affise_items, affise_requests, pipeline_writes
from models.conflicts import transaction
from models.database import execute, fetch
from models.fields import bind
from sandbox.server import Sandbox
from tests.core.ads.stage import Stage
from tests.core.domains.yard import ANNA, ready
from worker.domains.affise_news import follow

A, B, C = "a.sandbox.test", "b.sandbox.test", "c.sandbox.test"
CAMPAIGN, OFFER = "moves", 9001
MOVES_ROLES = ("block_active_tracking_domain", "unblock_blocked_tracking_domain")
OUTSIDE: list[Sandbox] = []
"""What the settings of the test name."""


def effects(outside: Sandbox) -> list[Any]:
    """What the platforms show, and what the chat was told."""
    campaigns = outside.control("GET", "state/voluum")["campaigns"]
    offers = outside.control("GET", "state/affise")["offers"]
    told = outside.control("GET", "telegram/messages")["messages"]
    return [
        sorted((row["id"], row["preferredTrackingDomain"]) for row in campaigns),
        sorted((row["id"], row["url"], row["trafficback_url"]) for row in offers),
        [message["text"] for message in told],
    ]


def _outside() -> Sandbox:
    return OUTSIDE[-1]


def _host(name: str, **facts: Any) -> None:
    _outside().host(name, **facts)


def pipeline(here: Stage, **settings: Any) -> dict[str, Any]:
    wanted = {"return_to_work": True} | settings
    pipelines.create("P", [A, B, C], ANNA, pipeline_writes.Settings(**wanted))
    return {}


def listed(here: Stage) -> dict[str, Any]:
    _host(A, listed=["SOCIAL_ENGINEERING"])
    return pipeline(here)


def unresolvable(here: Stage) -> dict[str, Any]:
    pipeline(here)
    _host(A, dns="nx")
    return {"domains": None, "round": 1}


def listed_spare(here: Stage) -> dict[str, Any]:
    pipeline(here)
    _host(B, listed=["MALWARE"])
    return {}


def order_to_block(here: Stage) -> dict[str, Any]:
    pipeline(here)
    return {"domain": A, "reason": "MANUAL"}


def switched(here: Stage, **settings: Any) -> dict[str, Any]:
    pipeline(here, **settings)
    ready(B)
    return {"switch_id": pipelines.switch("P", ANNA, "by hand", block=True).id}


def unfinished(here: Stage) -> dict[str, Any]:
    """Nobody was sent for what follows from it."""
    switched(here, with_update_voluum=True, with_update_affise=True)
    execute("update domain_switch set decided_at = %s", (bind(now() - timedelta(minutes=1)),))
    return {}


def clean_again(here: Stage) -> dict[str, Any]:
    """Blocked because of a listing that is over."""
    switched(here)
    at = bind(now() - timedelta(hours=7))
    execute("update pipeline_domain set block_reason = 'GSB_UNSAFE', blocked_at = %s where role = 'blocked'", (at,))
    return {}


def safe_again(here: Stage) -> dict[str, Any]:
    """The same, found clean twice."""
    clean_again(here)
    at = bind(now() - timedelta(minutes=5))
    execute("update pipeline_domain set clean_count = 2, last_clean_at = %s where role = 'blocked'", (at,))
    return {"domain": A}


def campaigns_to_move(here: Stage) -> dict[str, Any]:
    _outside().edit("voluum", CAMPAIGN, preferredTrackingDomain=A)
    return switched(here, with_update_voluum=True)


def drifted(here: Stage) -> dict[str, Any]:
    """The platforms followed, and a stranger put a campaign back."""
    made = campaigns_to_move(here)
    execute("update switch_step set state = 'done' where step = 'voluum' and switch_id = %s", (made["switch_id"],))
    return {}


def drafted(here: Stage) -> dict[str, Any]:
    urls = {"url": f"https://{A}/c?x={{clickid}}", "trafficback_url": f"https://{A}/tb"}
    _outside().edit("affise", str(OFFER), status="active", **urls)
    switched(here, with_update_affise=True)
    return {"request_id": str(fetch("select id from affise_switch_request")[0][0])}


def planned_item(here: Stage) -> dict[str, Any]:
    """The first address of a request that approved itself."""
    number = affise_requests.of_switch(_newest(drafted(here)))
    assert number is not None
    found = affise_planning.look(number.id, steps.claim, platforms.affise())
    transaction(lambda: follow(affise_planning.keep(found)))
    item = affise_items.tally(number.id).next_item
    assert item is not None
    return {"item_id": item}


def _newest(drafted: dict[str, Any]) -> int:
    return int(fetch("select switch_id from affise_switch_request where id = %s", (drafted["request_id"],))[0][0])


def open_request(here: Stage) -> dict[str, Any]:
    pipeline(here)
    (number,) = safety.open_requests()
    return {"request_id": str(number)}


def overdue_request(here: Stage) -> dict[str, Any]:
    open_request(here)
    execute("update domain_safety_request set expires_at = created_at")
    return {}
