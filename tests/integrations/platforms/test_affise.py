"""Affise over real sockets: pages that drift, edits of single fields, and A12 and P9 by name."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from core.domains import platform_plan as plan
from core.domains.platform_plan import Found
from integrations.affise import Affise
from integrations.errors import Malformed, OutcomeUnknown, RateLimited, Rejected
from sandbox.server import Sandbox
from tests.integrations.platforms.made import NEW, OLD, affise_at, calls, effects, offers

FORMER = [f"c{number}.sandbox.test" for number in range(1, 21)]
LIST = {"path": "/3.0/offers"}


def test_every_offer_comes_once_and_by_id_over_several_pages(sandbox: Sandbox, affise: Affise) -> None:
    listed = list(affise.offers(("active", "stopped", "suspended")))
    assert [row["id"] for row in listed] == sorted(offers(sandbox))
    assert len(listed) == 250
    assert {row["id"]: row for row in listed} == offers(sandbox)
    assert len(sandbox.journal("affise")) == 3


def test_suspended_offers_are_not_asked_for(sandbox: Sandbox, affise: Affise) -> None:
    assert {row["status"] for row in affise.offers()} == {"active", "stopped"}
    asked = parse_qsl(sandbox.journal("affise")[0]["query"])
    assert asked == [
        ("page", "1"),
        ("limit", "100"),
        ("sort[id]", "asc"),
        ("status[]", "active"),
        ("status[]", "stopped"),
    ]


@pytest.mark.parametrize("drift", [1, 2, 3])
def test_offers_that_slip_between_pages_are_found_by_reading_again(
    sandbox: Sandbox, affise: Affise, drift: int
) -> None:
    before = {offer_id for offer_id, row in offers(sandbox).items() if row["status"] != "suspended"}
    sandbox.edit("affise", "settings", drift=drift, most_per_page=50)
    seen = [row["id"] for row in affise.offers()]
    assert len(seen) == len(set(seen))
    assert set(seen) == before


def test_a_list_that_never_rests_is_read_three_times_at_most(sandbox: Sandbox, affise: Affise) -> None:
    sandbox.edit("affise", "settings", drift=1000)
    assert len(list(affise.offers())) >= 190
    assert calls(sandbox, "affise").count("GET /3.0/offers") <= 9


@pytest.mark.parametrize("next_page", ["1", "0", "-1", '"2"', "null", "{}"])
def test_a_next_page_that_leads_nowhere_ends_the_list(sandbox: Sandbox, affise: Affise, next_page: str) -> None:
    body = f'{{"status":1,"offers":[{{"id":1}}],"pagination":{{"next_page":{next_page}}}}}'
    sandbox.fault("affise", {"type": "status", "status": 200, "body": body}, match=LIST)
    assert [row["id"] for row in affise.offers()] == [1]
    assert len(sandbox.journal("affise")) == 1


@pytest.mark.parametrize(
    "body",
    ['{"status":1}', '{"status":1,"offers":[7]}', '{"status":1,"offers":[{}]}', '{"status":1,"offers":[{"id":"1"}]}'],
)
def test_a_list_that_is_none_is_malformed(sandbox: Sandbox, affise: Affise, body: str) -> None:
    sandbox.fault("affise", {"type": "status", "status": 200, "body": body}, match=LIST)
    with pytest.raises(Malformed):
        list(affise.offers())


def test_one_offer_is_read_whole(sandbox: Sandbox, affise: Affise) -> None:
    assert affise.offer(101) == offers(sandbox)[101]
    with pytest.raises(Rejected) as caught:
        affise.offer(9)
    assert caught.value.status == 404


@pytest.mark.parametrize("body", ['{"status":1}', '{"status":1,"offer":{"id":102}}', '{"status":1,"offer":[]}'])
def test_another_offer_than_the_one_asked_for_is_malformed(sandbox: Sandbox, affise: Affise, body: str) -> None:
    sandbox.fault("affise", {"type": "status", "status": 200, "body": body})
    with pytest.raises(Malformed):
        affise.offer(101)


def test_an_edit_sends_exactly_the_changed_fields_as_a_form(sandbox: Sandbox, affise: Affise) -> None:
    url = "https://go-new.example.test/c/7f3c?clickid={clickid}"
    affise.edit_offer(101, {"url": url, "trafficback_url": "https://go-new.example.test/tb"})
    row = sandbox.journal("affise")[-1]
    assert row["body"] == (
        "url=https%3A%2F%2Fgo-new.example.test%2Fc%2F7f3c%3Fclickid%3D%7Bclickid%7D"
        "&trafficback_url=https%3A%2F%2Fgo-new.example.test%2Ftb"
    )
    assert row["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert affise.offer(101)["url"] == url


@pytest.mark.parametrize(
    "changes", [{}, {"landings": "x"}, {"url": "https://a.example/", "status": ""}, {"send_emails": "1"}]
)
def test_fields_that_are_not_ours_are_refused_before_anything_is_sent(
    sandbox: Sandbox, affise: Affise, changes: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="leave the rest out"):
        affise.edit_offer(101, changes)
    assert sandbox.journal("affise") == []


def test_the_domains_of_the_tenant_are_listed_and_the_probe_says_that_the_key_is_good(affise: Affise) -> None:
    assert OLD in affise.domains()
    assert affise.probe() == "affise: key accepted"


def switch(affise: Affise, former: list[str], new: str) -> list[plan.Change]:
    """Plan and apply every change, one field at a time, each behind a reading and before a reading."""
    changes = plan.offer_changes(affise.offers(), former, new)
    for change in changes:
        apply(affise, change)
    return changes


def apply(affise: Affise, change: plan.Change) -> None:
    before = affise.offer(int(change.object_id))
    if plan.read_offer(before, change) is Found.READY:
        affise.edit_offer(int(change.object_id), {change.field: change.after})
    after = affise.offer(int(change.object_id))
    assert plan.read_offer(after, change) is Found.DONE
    assert plan.offer_surprises(before, after, {change.field}) == []


def test_a12_of_250_offers_only_the_hosts_of_two_urls_change_and_all_else_is_equal(
    sandbox: Sandbox, affise: Affise
) -> None:
    before = offers(sandbox)
    changes = plan.offer_changes(affise.offers(), FORMER, "new.sandbox.test")
    for change in changes:
        affise.edit_offer(int(change.object_id), {change.field: change.after})
    after = offers(sandbox)
    assert len(before) == len(after) == 250
    touched = {int(change.object_id) for change in changes}
    assert touched == {offer_id for offer_id, row in before.items() if row["status"] != "suspended"}
    for offer_id, row in before.items():
        assert after[offer_id] == (expected(row, after[offer_id]["updated_at"]) if offer_id in touched else row)
    posted = [parse_qsl(row["body"]) for row in sandbox.journal("affise") if row["method"] == "POST"]
    assert {len(form) for form in posted} == {1}
    assert {form[0][0] for form in posted} == {"url", "trafficback_url"}


def expected(row: dict[str, Any], updated_at: str) -> dict[str, Any]:
    """Written without the code under test: the sandbox puts the old host at the start of both URLs."""
    old = f"https://{row['tracking_domain']}/"
    urls = {name: row[name].replace(old, "https://new.sandbox.test/", 1) for name in ("url", "trafficback_url")}
    return {**row, **urls, "updated_at": updated_at}


def test_p9_taking_changes_back_restores_every_field_that_nobody_else_touched(sandbox: Sandbox, affise: Affise) -> None:
    before = offers(sandbox)
    changes = switch(affise, [OLD], NEW)
    stranger = int(changes[0].object_id)
    sandbox.edit("affise", str(stranger), title="By a stranger", url="https://stranger.example.test/")
    for change in changes:
        undone = change.undone()
        if plan.read_offer(affise.offer(int(change.object_id)), undone) is Found.READY:
            apply(affise, undone)
    rest = {offer_id: row | {"updated_at": ""} for offer_id, row in offers(sandbox).items()}
    kept = {"title": "By a stranger", "url": "https://stranger.example.test/"}
    assert rest == {
        offer_id: row | {"updated_at": ""} | (kept if offer_id == stranger else {}) for offer_id, row in before.items()
    }


def test_a_stranger_between_reading_and_writing_is_seen_as_a_conflict_or_kept(sandbox: Sandbox, affise: Affise) -> None:
    change = plan.offer_changes([affise.offer(104)], FORMER, NEW)[0]
    sandbox.edit_later(
        "affise", "104", "between_get_and_put", title="By a stranger", macro_url="https://m.example.test/"
    )
    affise.offer(104)
    affise.edit_offer(104, {change.field: change.after})
    row = offers(sandbox)[104]
    assert (row["title"], row["macro_url"], row[change.field]) == (
        "By a stranger",
        "https://m.example.test/",
        change.after,
    )
    sandbox.edit("affise", "104", url="https://stranger.example.test/")
    assert plan.read_offer(affise.offer(104), change) is Found.CONFLICT


def test_an_edit_whose_answer_got_lost_is_found_by_reading(sandbox: Sandbox, affise: Affise) -> None:
    change = plan.offer_changes([affise.offer(104)], FORMER, NEW)[0]
    sandbox.fault("affise", {"type": "commit_then_drop"}, match={"method": "POST"}, times=1)
    with pytest.raises(OutcomeUnknown):
        affise.edit_offer(104, {change.field: change.after})
    apply(affise, change)
    assert effects(sandbox, "affise") == [{"offer": 104, "fields": [change.field]}]


def test_reads_and_writes_have_limits_of_their_own_and_a_429_silences_both(sandbox: Sandbox) -> None:
    affise = affise_at(f"{sandbox.url}/affise", rates=(1000.0, 1000.0))
    sandbox.fault("affise", {"type": "retry_after", "form": "missing"}, match={"method": "POST"}, times=1)
    with pytest.raises(RateLimited) as caught:
        affise.edit_offer(101, {"url": "https://a.example.test/"})
    assert caught.value.retry_after == 60
    for call in (affise.probe, lambda: affise.edit_offer(101, {"url": "https://a.example.test/"})):
        with pytest.raises(RateLimited) as caught:
            call()
        assert not caught.value.sent
    assert len(sandbox.journal("affise")) == 1
