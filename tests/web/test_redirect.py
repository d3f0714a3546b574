"""What a visitor gets, and what of it becomes a click."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import time_machine

from config.clock import now
from core.ads.clicks import Flag, decode
from core.ads.links import issue_click_link
from tests.conftest import SettingsEnv
from tests.web import visits as ours
from tests.web.fakes import Database, FakePublisher
from tests.web.visits import CLIENT, OFFER_URL, Visits, link
from web import metrics

FALLBACK = "https://www.example.com/"


@pytest.fixture
def visits(settings_env: SettingsEnv) -> Iterator[Visits]:
    with ours.redirect(settings_env()) as visits:
        yield visits


def test_a_valid_link_leads_to_its_destination_and_is_published_as_one_click(visits: Visits) -> None:
    answer = visits.visit(link("https://shop.example/a?b=c"))
    assert (answer.status, answer["Location"]) == (302, "https://shop.example/a?b=c&signalbox_partner=news.example")
    click = decode(visits.clicks[0])
    assert (click.ip, click.actor_net, click.url, click.h) == (
        CLIENT, f"{CLIENT}/32", answer["Location"], "news.example",
    )  # fmt: skip
    assert 0 <= click.view_ms < 60_000


def test_without_a_destination_of_its_own_the_link_leads_to_the_offers_address(visits: Visits) -> None:
    assert visits.visit(link())["Location"] == f"{OFFER_URL}&signalbox_partner=news.example"


def test_the_answer_must_not_be_cached_or_indexed(visits: Visits) -> None:
    answer = visits.visit(link())
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer-when-downgrade"
    assert answer["X-Robots-Tag"] == "noindex,nofollow"


def test_a_new_visitor_gets_a_cookie_that_the_click_carries(visits: Visits) -> None:
    cookie = visits.visit(link())["Set-Cookie"]
    assert visits.clicks[0]["visitor_id"] in cookie
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_a_known_visitor_keeps_his_cookie(visits: Visits) -> None:
    answer = visits.visit(link(), HTTP_COOKIE="a=b; sbv=" + "0" * 32)
    assert "Set-Cookie" not in answer
    assert visits.clicks[0]["visitor_id"] == "0" * 32


def test_head_gets_the_same_headers_and_is_no_click(visits: Visits) -> None:
    cookie = {"HTTP_COOKIE": "sbv=" + "0" * 32}
    url = link()
    assert visits.visit(url, "HEAD", **cookie).headers == visits.visit(url, "GET", **cookie).headers
    assert len(visits.clicks) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "NONSENSE"])
def test_other_methods_are_refused(visits: Visits, method: str) -> None:
    answer = visits.visit(link(), method)
    assert (answer.status, answer["Allow"]) == (405, "GET, HEAD")
    assert visits.clicks == []


@pytest.mark.parametrize("header", ["HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ"])
def test_a_prefetch_is_sent_on_and_is_no_click(visits: Visits, header: str) -> None:
    before = metrics.PREFETCH._value.get()
    assert visits.visit(link(), **{header: "prefetch"}).status == 302
    assert visits.clicks == []
    assert metrics.PREFETCH._value.get() == before + 1


def test_a_test_link_leads_on_and_is_no_click(visits: Visits) -> None:
    assert visits.visit(link(test=True))["Location"].startswith(OFFER_URL)
    assert visits.clicks == []


def test_a_bot_is_sent_on_and_its_click_is_flagged(visits: Visits) -> None:
    visits.visit(link(), HTTP_USER_AGENT="Googlebot/2.1")
    assert visits.clicks[0]["flags"] & Flag.BOT_USER_AGENT


@pytest.mark.parametrize("tail", ["", "x", "%00", "../../etc/passwd", "A" * 58, "\xff" * 58, "a" * 100_000])
def test_a_malformed_token_leads_to_the_fallback(visits: Visits, tail: str) -> None:
    answer = visits.visit("/r/", PATH_INFO=f"/r/{tail}")
    assert (answer.status, answer["Location"]) == (302, FALLBACK)


def test_a_forged_link_leaves_a_record_that_ends_as_an_invalid_token(visits: Visits) -> None:
    visits.visit("/r/" + "A" * 58 + "?u=https://evil.example/")
    click = decode(visits.clicks[0])
    assert (click.token, click.url, click.view_ms) == ("A" * 58, FALLBACK, 0)


def test_of_a_flood_of_forged_links_ten_a_minute_leave_a_record(visits: Visits) -> None:
    before = metrics.BAD_TOKEN._value.get()
    for _ in range(50):
        assert visits.visit("/r/" + "A" * 58)["Location"] == FALLBACK
    assert len(visits.clicks) == 10
    assert metrics.BAD_TOKEN._value.get() == before + 50


def test_a_changed_destination_is_a_forgery(visits: Visits) -> None:
    url = link("https://shop.example/")
    assert visits.visit(url.replace("shop.example", "evil.example"))["Location"] == FALLBACK


def test_a_link_of_another_network_or_of_yesterday_still_leads_to_the_advertiser(visits: Visits) -> None:
    old = issue_click_link(
        ours.OFFER, ours.INFORMER, "198.51.100.1", "https://news.example/", now() - timedelta(days=1), base_url=""
    )
    assert visits.visit(old)["Location"].startswith(OFFER_URL)
    assert len(visits.clicks) == 1


def test_an_unknown_offer_without_destination_leads_to_the_fallback_and_is_a_click(visits: Visits) -> None:
    visits.table._offers = {}
    assert visits.visit(link())["Location"] == FALLBACK
    assert len(visits.clicks) == 1


def test_nothing_known_of_the_offer_the_signed_destination_is_enough(visits: Visits) -> None:
    visits.table._offers, visits.table._informers = {}, {}
    assert visits.visit(link("https://shop.example/"))["Location"].startswith("https://shop.example/")


@pytest.mark.parametrize(
    "destination",
    [
        "//evil.example/",
        "\\\\evil.example\\",
        "https:\\\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://shop.example/",
        "https://shop.example@evil.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\nX: y",
        "https://",
        "https://shop.example/" + "a" * 9000,
    ],
)
def test_a_hostile_destination_leads_to_the_fallback_even_when_signed(visits: Visits, destination: str) -> None:
    assert visits.visit(link(destination))["Location"] == FALLBACK
    assert visits.visit(_offer_link(visits, destination))["Location"] == FALLBACK


def test_a_destination_in_another_script_becomes_an_ascii_header(visits: Visits) -> None:
    location = visits.visit(link("https://пример.example/путь?q=ü"))["Location"]
    assert location.isascii()
    assert location.startswith("https://xn--e1afmkfd.example/%D0%BF")


def test_forwarded_addresses_count_only_from_trusted_proxies(settings_env: SettingsEnv) -> None:
    with ours.redirect(settings_env(TRUSTED_PROXIES="10.0.0.0/8")) as visits:
        visits.visit(link(), peer="10.1.2.3", HTTP_X_FORWARDED_FOR="1.1.1.1, 198.51.100.9, 10.9.9.9")
        visits.visit(link(), peer="192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.9")
        assert [click["ip"] for click in visits.clicks] == ["198.51.100.9", "192.0.2.1"]


def test_oversized_headers_are_cut_and_the_click_keeps_to_its_schema(visits: Visits) -> None:
    huge = "ü\0" * 500_000
    visits.visit(
        link(), HTTP_REFERER=huge, HTTP_USER_AGENT=huge, HTTP_ACCEPT_LANGUAGE=huge, HTTP_HOST=huge, HTTP_COOKIE=huge,
        HTTP_X_FORWARDED_FOR=huge,
    )  # fmt: skip
    click = decode(visits.clicks[0])
    assert len(click.referer.encode()) <= 1024
    assert len(click.user_agent.encode()) <= 512


def test_a_failure_of_the_table_costs_the_decoration_and_nothing_else(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits.table, "offer", _broken)
    assert visits.visit(link("https://shop.example/"))["Location"] == "https://shop.example/"
    assert len(visits.clicks) == 1


def test_a_click_that_cannot_be_encoded_is_not_accepted_and_its_visitor_sent_on(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metrics.NOT_ACCEPTED._value.get()
    monkeypatch.setattr(visits.app._guide, "_encode", _broken)
    assert visits.visit(link("https://shop.example/"))["Location"].startswith("https://shop.example/")
    assert metrics.NOT_ACCEPTED._value.get() == before + 1


def test_clocks_that_disagree_by_more_than_five_seconds_are_counted_and_the_click_travels(visits: Visits) -> None:
    before = metrics.SKEWED._value.get()
    for ahead in (3, 30):
        with time_machine.travel(now() + timedelta(seconds=ahead), tick=False):
            url = link()
        visits.visit(url)
    assert (metrics.SKEWED._value.get() - before, len(visits.clicks)) == (1, 2)


def test_a_failure_before_anything_is_known_leads_to_the_fallback(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits.app._guide, "_read", _broken)
    assert visits.visit(link())["Location"] == FALLBACK


def test_a_click_that_nothing_can_hold_is_counted_and_its_visitor_sent_on(
    settings_env: SettingsEnv, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    before = metrics.NOT_ACCEPTED._value.get()
    with ours.redirect(settings_env(), FakePublisher(confirms=False), Database(down=True)) as visits:
        visits.intake.gate.patience = 0.05
        assert visits.visit(link())["Location"].startswith(OFFER_URL)
    assert metrics.NOT_ACCEPTED._value.get() == before + 1


def test_a_click_with_broker_and_database_down_is_a_line_on_disk(settings_env: SettingsEnv, tmp_path: Path) -> None:
    with ours.redirect(settings_env(), FakePublisher(confirms=False), Database(down=True)) as visits:
        assert visits.visit(link())["Location"].startswith(OFFER_URL)
        lines = [line for path in (tmp_path / "spool").iterdir() for line in path.read_bytes().splitlines()]
    # on a slow machine both the visitor's thread and the one that gave up may have written it, under one id
    assert len({orjson.loads(line)["click_id"] for line in lines}) == 1


def test_health_is_told_and_readiness_waits_for_the_link_table(visits: Visits) -> None:
    assert visits.visit("/healthz").status == 200
    visits.table.loaded = False
    assert visits.visit("/readyz").status == 503
    visits.table.loaded = True
    assert visits.visit("/readyz").status == 200


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/r", "/R/x", "/.env"])
def test_other_pages_do_not_exist(visits: Visits, path: str) -> None:
    assert visits.visit(path).status == 404


def _offer_link(visits: Visits, url: str) -> str:
    ours.know(visits.table, url)
    return link()


def _broken(*_: Any) -> Any:
    raise RuntimeError("a bug")
