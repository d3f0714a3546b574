"""The confirmation page over a real socket: looking never confirms, pressing the button does so once."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
import time_machine
from peewee import OperationalError

from config.clock import now
from config.settings import get_settings
from core.ads import payout_rules, payouts
from models.database import execute, fetch
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import account, payout, prepare
from web.app import make_app
from web.serve import make_embedded_server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def title(self) -> str:
        found = re.search(r"<h1>(.*)</h1>", self.text)
        return found[1] if found else ""


@dataclass
class Site:
    port: int
    public_id: UUID
    token: str

    def ask(self, method: str = "GET", token: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, f"/payouts/confirm/{token or self.token}", headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()


@pytest.fixture
def site(database: Any, settings_env: SettingsEnv) -> Iterator[Site]:
    prepare(settings_env)
    public_id = payout(account(login="zoe"))
    token = payout_rules.new_token(public_id)
    digest = payout_rules.digest(token)
    execute("update payout_request set confirm_token_hash = %s where public_id = %s", (digest, str(public_id)))
    server = make_embedded_server(make_app(get_settings()), 0)
    server.start()
    yield Site(server.port, public_id, token)
    server.stop()


def row(site: Site) -> tuple[Any, ...]:
    query = "select state, version, confirm_token_hash is null from payout_request where public_id = %s"
    state, version, cleared = fetch(query, (str(site.public_id),))[0]
    return state, version, bool(cleared)


WAITING = ("pending_confirmation", 1, False)
DONE = ("confirmed", 2, True)


def test_the_page_shows_what_would_be_confirmed_and_a_button(site: Site) -> None:
    page = site.ask()
    assert (page.status, page.title) == (200, "Confirm your payout")
    for text in ("120.50 USD", "Bank card", "••••••••••••1234", '<form method="post">', '<html lang="en">', " UTC<"):
        assert text in page.text
    assert "4111" not in page.text
    assert site.token not in page.text
    assert row(site) == WAITING


def test_a_mail_scanner_that_opens_the_link_again_and_again_confirms_nothing(site: Site) -> None:
    for _ in range(10):
        assert site.ask("GET", **{"Sec-Purpose": "prefetch"}).status == 200
        head = site.ask("HEAD")
        assert (head.status, head.text) == (200, "")
    assert [site.ask(method).status for method in ("PUT", "DELETE", "PATCH")] == [405] * 3
    assert row(site) == WAITING


def test_the_button_confirms_once_however_often_it_is_pressed(site: Site) -> None:
    with ThreadPoolExecutor(6) as presses:
        found = list(presses.map(lambda _: site.ask("POST"), range(6)))
    assert sorted(page.title for page in found) == ["Already confirmed"] * 5 + ["Your payout is confirmed"]
    assert row(site) == DONE
    assert len(fetch("select 1 from audit_log where action = 'payout.confirm'")) == 1
    assert site.ask().status == 404


def test_the_address_of_whoever_pressed_is_in_the_audit_log(site: Site, settings_env: SettingsEnv) -> None:
    site.ask("POST", **{"X-Forwarded-For": "203.0.113.9"})
    assert str(fetch("select ip from audit_log where action = 'payout.confirm'")[0][0]).startswith("127.0.0.1")


def test_after_its_time_the_link_says_so_and_confirms_nothing(site: Site) -> None:
    with time_machine.travel(now() + timedelta(hours=72), tick=True):
        for method in ("GET", "POST"):
            page = site.ask(method)
            assert (page.status, page.title) == (410, "The time has run out")
    assert row(site) == WAITING


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_links_that_open_nothing_look_all_the_same(site: Site, method: str) -> None:
    wrong = [site.public_id.hex + "x" * 43, "0" * 75, "short", "%00", "a" * 5000, "%c3%a9", "%ff", site.token + "x"]
    pages = [site.ask(method, token) for token in wrong]
    assert {(page.status, page.title) for page in pages} == {(404, "This link opens nothing")}
    assert len({page.text for page in pages}) == 1
    assert row(site) == WAITING


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_a_form_that_another_site_sends_confirms_nothing(site: Site, headers: dict[str, str]) -> None:
    assert site.ask("POST", **headers).status == 403
    assert row(site) == WAITING


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "https://box.example"}, {"Origin": "null"}, {}],
)
def test_our_own_form_is_taken(site: Site, headers: dict[str, str]) -> None:
    assert site.ask("POST", **headers, **FORM).title == "Your payout is confirmed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_keeps_the_address_private(site: Site, method: str) -> None:
    for token in (site.token, "unknown"):
        headers = site.ask(method, token).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("method", "step"), [("GET", "offered"), ("POST", "confirm")])
def test_while_the_database_is_down_the_page_asks_to_come_back(
    site: Site, monkeypatch: pytest.MonkeyPatch, method: str, step: str
) -> None:
    def down(*_: object) -> None:
        raise OperationalError("down")

    with monkeypatch.context() as outage:
        outage.setattr(payouts, step, down)
        page = site.ask(method)
    assert (page.status, page.headers["Retry-After"]) == (503, "30")
    assert row(site) == WAITING
    assert site.ask("POST").title == "Your payout is confirmed"


def test_the_token_reaches_no_log_even_when_the_page_breaks(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(token: str) -> None:
        raise RuntimeError(token)

    with structlog.testing.capture_logs() as logs, monkeypatch.context() as bug:
        site.ask("POST", **{"Sec-Fetch-Site": "cross-site"})
        bug.setattr(payouts, "offered", broken)
        page = site.ask()
    assert page.status == 500
    written = repr(logs) + "".join(capfd.readouterr()) + page.text
    assert "request_failed" in written
    assert site.token not in written
