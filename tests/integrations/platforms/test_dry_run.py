"""Platforms in a dry run: what is read is real, what is written is only logged and seen again by whoever reads back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from integrations.affise_dry import DryAffise
from integrations.errors import Conflict, Rejected
from integrations.http import Effect
from integrations.voluum_dry import DryVoluum
from sandbox.server import Sandbox
from tests.integrations.platforms.made import (
    ACCESS_ID,
    ACCESS_KEY,
    API_KEY,
    CAMPAIGN,
    NEW,
    OLD,
    campaigns,
    effects,
    offers,
)

FIELD = "preferredTrackingDomain"
OFFER = 9001


@pytest.fixture
def voluum(sandbox: Sandbox) -> DryVoluum:
    sandbox.edit("voluum", "settings", per_second=100_000)
    sandbox.edit("voluum", CAMPAIGN, **{FIELD: OLD})
    return DryVoluum(f"{sandbox.url}/voluum", ACCESS_ID, ACCESS_KEY, rate=None)


@pytest.fixture
def affise(sandbox: Sandbox) -> DryAffise:
    url = f"https://{OLD}/c?clickid={{clickid}}"
    sandbox.edit("affise", str(OFFER), status="active", preview_url="", url=url, trafficback_url=url)
    return DryAffise(f"{sandbox.url}/affise", API_KEY, rates=(None, None))


def methods(sandbox: Sandbox, service: str) -> set[tuple[str, str]]:
    """(method, path) of what arrived but the login."""
    return {(row["method"], row["path"]) for row in sandbox.journal(service) if "/auth/" not in row["path"]}


def refuse() -> None:
    raise LookupError


def test_a_campaign_that_was_written_reads_so_and_nothing_arrived(sandbox: Sandbox, voluum: DryVoluum) -> None:
    before = campaigns(sandbox)
    raw = voluum.campaign(CAMPAIGN)
    with capture_logs() as logs:
        voluum.replace_campaign(CAMPAIGN, raw | {FIELD: NEW})
    assert voluum.campaign(CAMPAIGN) == raw | {FIELD: NEW}
    assert campaigns(sandbox) == before
    assert effects(sandbox, "voluum") == []
    assert methods(sandbox, "voluum") == {("GET", f"/voluum/campaign/{CAMPAIGN}")}
    assert logs == [
        {"event": "dry_run_write", "log_level": "info", "service": "voluum", "what": "campaign", "campaign": CAMPAIGN,
         "fields": [FIELD]},
    ]  # fmt: skip


def test_the_list_of_campaigns_stays_as_voluum_holds_it(voluum: DryVoluum) -> None:
    voluum.replace_campaign(CAMPAIGN, voluum.campaign(CAMPAIGN) | {FIELD: NEW})
    assert [raw[FIELD] for raw in voluum.campaigns() if raw["id"] == CAMPAIGN] == [OLD]


def test_only_the_first_who_reads_it_back_sees_it(voluum: DryVoluum, affise: DryAffise) -> None:
    raw, offer = voluum.campaign(CAMPAIGN), affise.offer(OFFER)
    voluum.replace_campaign(CAMPAIGN, raw | {FIELD: NEW})
    affise.edit_offer(OFFER, {"url": f"https://{NEW}/"})
    assert (voluum.campaign(CAMPAIGN)[FIELD], voluum.campaign(CAMPAIGN)) == (NEW, raw)
    assert (affise.offer(OFFER)["url"], affise.offer(OFFER)) == (f"https://{NEW}/", offer)


def test_what_was_written_is_what_it_was_when_it_was_written(voluum: DryVoluum) -> None:
    edited = voluum.campaign(CAMPAIGN) | {"tags": ["a"]}
    voluum.replace_campaign(CAMPAIGN, edited)
    edited["tags"].append("b")
    assert voluum.campaign(CAMPAIGN)["tags"] == ["a"]


def test_a_campaign_that_a_stranger_edits_shows_what_it_is(sandbox: Sandbox, voluum: DryVoluum) -> None:
    raw = voluum.campaign(CAMPAIGN)
    voluum.replace_campaign(CAMPAIGN, raw | {FIELD: NEW})
    sandbox.edit("voluum", CAMPAIGN, **{FIELD: "stranger.example"})
    assert voluum.campaign(CAMPAIGN)[FIELD] == "stranger.example"
    with pytest.raises(Conflict):
        voluum.replace_campaign(CAMPAIGN, raw | {FIELD: NEW})


def test_who_may_not_write_is_stopped_as_before_a_real_write(voluum: DryVoluum, affise: DryAffise) -> None:
    raw = voluum.campaign(CAMPAIGN)
    with capture_logs() as logs:
        with pytest.raises(LookupError):
            voluum.replace_campaign(CAMPAIGN, raw | {FIELD: NEW}, before_write=refuse)
        with pytest.raises(LookupError):
            affise.edit_offer(OFFER, {"url": f"https://{NEW}/"}, before_write=refuse)
    assert (voluum.campaign(CAMPAIGN), affise.offer(OFFER)["url"].split("/")[2]) == (raw, OLD)
    assert logs == []


def test_an_offer_that_was_edited_reads_so_and_nothing_arrived(sandbox: Sandbox, affise: DryAffise) -> None:
    before = offers(sandbox)
    raw, url = affise.offer(OFFER), f"https://{NEW}/c?clickid={{clickid}}"
    with capture_logs() as logs:
        affise.edit_offer(OFFER, {"url": url})
    assert affise.offer(OFFER) == raw | {"url": url}
    assert [one["url"] for one in affise.offers() if one["id"] == OFFER] == [raw["url"]]
    assert (offers(sandbox), effects(sandbox, "affise")) == (before, [])
    assert {method for method, _ in methods(sandbox, "affise")} == {"GET"}
    assert [(line["offer"], line["fields"]) for line in logs] == [(OFFER, ["url"])]
    assert NEW not in str(logs)


def test_an_offer_that_a_stranger_edits_shows_what_it_is(sandbox: Sandbox, affise: DryAffise) -> None:
    affise.edit_offer(OFFER, {"url": f"https://{NEW}/"})
    sandbox.edit("affise", str(OFFER), url="https://stranger.example/")
    assert affise.offer(OFFER)["url"] == "https://stranger.example/"


def test_what_could_not_be_written_cannot_be_written_in_a_dry_run_either(voluum: DryVoluum, affise: DryAffise) -> None:
    with pytest.raises(ValueError, match="leave the rest out"):
        affise.edit_offer(OFFER, {"landings": "x"})
    with pytest.raises(Rejected):
        affise.edit_offer(999_999, {"url": f"https://{NEW}/"})
    with pytest.raises(Rejected):
        voluum.replace_campaign("nobody", {"id": "nobody"})


def test_a_way_to_write_that_a_dry_run_does_not_know_is_blocked(
    sandbox: Sandbox, voluum: DryVoluum, affise: DryAffise
) -> None:
    ways: list[Callable[[], Any]] = [
        lambda: voluum._ask(voluum.client, "PUT", "/campaign/x", effect=Effect.ONCE, json={}),
        lambda: voluum._ask(voluum._lists, "PUT", "/campaign/x", effect=Effect.KEYED, json={}),
        lambda: affise._ask(affise._writes, "POST", "/3.0/admin/offer/1", effect=Effect.ONCE, form={"url": "x"}),
    ]
    for way in ways:
        with pytest.raises(RuntimeError, match="a write in a dry run"):
            way()
    assert methods(sandbox, "voluum") | methods(sandbox, "affise") == set()
