"""What changes at the platforms for a new domain, and how an object that was read back is judged."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains import platform_plan as plan
from core.domains.platform_plan import Change, Found

OLD, OLDER, NEW = "c4.sandbox.test", "c3.sandbox.test", "c5.sandbox.test"
FORMER = [OLD, OLDER]


def campaign(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "0c9a",
        "name": "TS - US",
        "preferredTrackingDomain": OLD,
        "url": f"https://{OLD}/7f3c?src={{src}}",
        "impressionUrl": f"https://{OLD}/impression/7f3c",
        "deleted": False,
        "tags": ["winter"],
        "costModel": {"type": "CPC", "value": 0.04},
        "unknown": {"nobody": "knows"},
        "updatedTime": "2026-11-01T10:00:00.000Z",
    }
    return made | changes


def offer(**changes: Any) -> dict[str, Any]:
    made = {
        "id": 936,
        "title": "Shoes",
        "url": f"https://{OLD}/c?clickid={{clickid}}&b=2&a=1&raw=%7Bx%7D",
        "trafficback_url": "https://landing.example.test/",
        "preview_url": f"https://{OLD}/preview",
        "landings": [{"url": f"https://{OLDER}/l", "title": "Main"}],
        "targeting": [{"urls": [{"url": "https://a.example.test/"}]}],
        "tracking_domain": OLD,
        "updated_at": "2026-11-01 10:00:00",
    }
    return made | changes


def planned(raw: dict[str, Any] | None = None) -> Change:
    change = plan.campaign_change(raw or campaign(), FORMER, NEW)
    assert change is not None
    return change


def test_a_campaign_on_any_former_domain_is_planned_with_what_it_shows() -> None:
    rows = [campaign(), campaign(id="b", preferredTrackingDomain="C3.Sandbox.Test")]
    changes = plan.campaign_changes(rows, FORMER, NEW)
    assert [(item.object_id, item.before, item.after) for item in changes] == [
        ("0c9a", OLD, NEW),
        ("b", "C3.Sandbox.Test", NEW),
    ]
    assert changes[0].updated_at == "2026-11-01T10:00:00.000Z"


@pytest.mark.parametrize(
    "other",
    [
        {"deleted": True},
        {"preferredTrackingDomain": NEW},
        {"preferredTrackingDomain": "else.example.test"},
        {"preferredTrackingDomain": None},
        {"preferredTrackingDomain": 7},
    ],
)
def test_other_campaigns_are_left_alone(other: dict[str, Any]) -> None:
    assert plan.campaign_changes([campaign(**other), {}], FORMER, NEW) == []


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ({}, Found.READY),
        ({"preferredTrackingDomain": NEW}, Found.DONE),
        ({"preferredTrackingDomain": NEW.upper()}, Found.DONE),
        ({"preferredTrackingDomain": "else.example.test"}, Found.CONFLICT),
        ({"preferredTrackingDomain": None}, Found.CONFLICT),
        ({"preferredTrackingDomain": OLDER}, Found.MOVED),
        ({"updatedTime": "2026-11-02T10:00:00.000Z"}, Found.MOVED),
        ({"deleted": True}, Found.GONE),
    ],
)
def test_a_campaign_is_read_against_its_plan(now: dict[str, Any], found: Found) -> None:
    assert plan.read_campaign(campaign(**now), planned(), FORMER) is found


def test_an_edited_campaign_differs_in_one_key_and_leaves_the_one_that_was_read() -> None:
    raw = campaign()
    edited = plan.edited_campaign(raw, NEW)
    assert edited == {**campaign(), "preferredTrackingDomain": NEW}
    assert list(edited) == list(raw)
    assert raw == campaign()


def test_after_a_write_only_the_domain_and_what_derives_from_it_may_differ() -> None:
    derived = campaign(preferredTrackingDomain=NEW, url="u", impressionUrl="i", updatedTime="t")
    assert plan.campaign_surprises(campaign(), derived) == []
    assert plan.campaign_shows(derived, NEW)
    assert not plan.campaign_shows(campaign(), NEW)
    lost = {name: value for name, value in derived.items() if name != "unknown"}
    assert plan.campaign_surprises(campaign(), lost | {"tags": [], "more": None}) == ["more", "tags", "unknown"]


def test_a_former_domain_elsewhere_in_a_campaign_is_reported() -> None:
    rows = [
        campaign(lander=[{"url": f"https://x.example.test/?to=https%3A%2F%2F{OLD}%2F"}]),
        campaign(id="b", note=f"sub.{OLD} and {OLD}.example"),
        campaign(id="c", note=OLD, deleted=True),
    ]
    found = plan.campaign_mentions(rows, FORMER)
    assert [(item.object_id, item.field) for item in found] == [("0c9a", "lander[0].url")]


def test_the_two_urls_of_an_offer_change_in_their_host_only() -> None:
    rows = [offer(), offer(id=937, url="{redirect}", trafficback_url=f"https://{OLDER}/tb?x={{x}}")]
    assert [(item.object_id, item.field, item.after) for item in plan.offer_changes(rows, FORMER, NEW)] == [
        ("936", "url", f"https://{NEW}/c?clickid={{clickid}}&b=2&a=1&raw=%7Bx%7D"),
        ("937", "trafficback_url", f"https://{NEW}/tb?x={{x}}"),
    ]


@pytest.mark.parametrize(
    "url", [None, 5, "", "{redirect}", f"https://{NEW}/", f"https://e.example.test/?u=https://{OLD}/"]
)
def test_an_offer_whose_host_is_another_is_left_alone(url: Any) -> None:
    assert plan.offer_changes([offer(url=url)], FORMER, NEW) == []


def test_an_offer_is_read_against_its_plan() -> None:
    [change] = plan.offer_changes([offer()], FORMER, NEW)
    assert plan.read_offer(offer(), change) is Found.READY
    assert plan.read_offer(offer(url=change.after), change) is Found.DONE
    assert plan.read_offer(offer(url=offer()["url"] + "&more=1"), change) is Found.CONFLICT
    assert plan.read_offer(offer(url=change.after), change.undone()) is Found.READY
    assert plan.read_offer(offer(), change.undone()) is Found.DONE


def test_other_urls_of_an_offer_may_not_move() -> None:
    after = offer(url="new", title="x", updated_at="t", landings=[], tracking_domain=NEW)
    assert plan.offer_surprises(offer(), after, {"url"}) == ["landings[0].url", "tracking_domain"]
    assert plan.offer_surprises(offer(), offer(url="new", title="x"), {"url"}) == []


def test_former_domains_in_other_fields_of_an_offer_are_reported_only() -> None:
    inside = f"https://landing.example.test/?to=https%3A%2F%2F{OLD}%2F"
    found = plan.offer_mentions([offer(trafficback_url=inside)], FORMER)
    assert {item.field for item in found} == {"preview_url", "landings[0].url", "tracking_domain", "trafficback_url"}


def test_without_a_domain_the_whole_url_becomes_the_trafficback() -> None:
    changes = plan.trafficback_changes(
        [offer(), offer(id=1, url="https://else.example.test/")], FORMER, "https://t.example/"
    )
    assert [(item.object_id, item.field, item.after) for item in changes] == [("936", "url", "https://t.example/")]


def test_an_approval_is_bound_to_what_changes_and_not_to_its_order() -> None:
    changes = plan.offer_changes([offer(), offer(id=937)], FORMER, NEW)
    assert plan.fingerprint(changes) == plan.fingerprint(list(reversed(changes)))
    assert plan.fingerprint(changes) != plan.fingerprint(changes[:1])
    assert plan.fingerprint(changes) != plan.fingerprint(plan.offer_changes([offer(), offer(id=937)], FORMER, OLDER))
