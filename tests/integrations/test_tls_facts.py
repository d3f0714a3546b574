"""Every kind of certificate that a host may show, and every way not to show one."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.clock import now
from config.settings import Settings
from integrations.http_preview import look
from integrations.routes import Routes
from integrations.tls import INVALID, Tls, TlsState
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

ADDRESSES = ("192.0.2.10", "2001:db8::10")


@pytest.fixture
def tls(sandbox: Sandbox, tmp_path: Path) -> Tls:
    bundle = tmp_path / "authority.pem"
    bundle.write_text(sandbox.authority_pem)
    port = urlsplit(sandbox.url).port
    assert port
    return Tls(Routes(("127.0.0.1", port)), str(bundle), connect=20.0, read=20.0)


def days_left(until: datetime | None) -> int:
    assert until is not None
    return (until - now()) // timedelta(days=1)


@pytest.mark.parametrize(
    ("host", "state", "days"),
    [
        ("go.sandbox.test", TlsState.VALID, 90),
        ("tls3d.sandbox.test", TlsState.VALID, 3),
        ("tlsexpired.sandbox.test", TlsState.EXPIRED, -2),
        ("tlswrong.sandbox.test", TlsState.WRONG_NAME, 90),
        ("tlsself.sandbox.test", TlsState.UNTRUSTED, 90),
    ],
)
def test_a_certificate_is_judged_and_dated(tls: Tls, host: str, state: TlsState, days: int) -> None:
    facts = tls.inspect(host, ADDRESSES)
    assert (facts.state, days_left(facts.not_after), facts.address) == (state, days, "192.0.2.10")
    assert (state in INVALID) is (state is not TlsState.VALID)


def test_a_certificate_of_tomorrow_is_not_valid_yet(sandbox: Sandbox, tls: Tls) -> None:
    sandbox.control("POST", "clock", {"offset_seconds": 86_400 * 40})
    assert tls.inspect("go.sandbox.test", ADDRESSES).state is TlsState.NOT_YET_VALID


def test_an_authority_that_nobody_knows_is_untrusted(tls: Tls) -> None:
    tls.ca_bundle = None
    assert tls.inspect("go.sandbox.test", ADDRESSES).state is TlsState.UNTRUSTED


@pytest.mark.parametrize(("manner", "detail"), [("none", None), ("hang", "timeout")])
def test_a_host_that_shows_no_certificate_is_no_answer(
    sandbox: Sandbox, tls: Tls, manner: str, detail: str | None
) -> None:
    sandbox.host("go.example.test", tls=manner)
    tls.read = 0.3
    facts = tls.inspect("go.example.test", ADDRESSES)
    assert (facts.state, facts.not_after) == (TlsState.NO_ANSWER, None)
    assert facts.detail == (detail or facts.detail) != ""


def test_the_next_address_is_tried_when_one_does_not_answer(sandbox: Sandbox, tls: Tls) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        tls.routes = Away(nobody.getsockname()[1], sandbox.tls_address)  # type: ignore[assignment]
        facts = tls.inspect("go.sandbox.test", ["192.0.2.99", "192.0.2.10"])
    assert (facts.state, facts.address) == (TlsState.VALID, "192.0.2.10")


class Away:
    """Routes one address to a port where nobody listens."""

    def __init__(self, dead: int, alive: str) -> None:
        self._ports = {"192.0.2.99": dead, "192.0.2.10": int(alive.rpartition(":")[2])}

    def to(self, address: str, port: int) -> tuple[str, int]:
        return "127.0.0.1", self._ports[address]


def test_without_an_address_there_is_no_answer(tls: Tls) -> None:
    facts = tls.inspect("go.sandbox.test", [])
    assert (facts.state, facts.detail) == (TlsState.NO_ANSWER, "connection closed")


@pytest.mark.parametrize(
    ("host", "status", "alive"),
    [
        ("go.sandbox.test", 200, True),
        ("http302.sandbox.test", 302, True),
        ("http404.sandbox.test", 404, True),
        ("http499.sandbox.test", 499, True),
        ("http500.sandbox.test", 500, False),
        ("http503.sandbox.test", 503, False),
    ],
)
def test_any_answer_below_500_is_alive(tls: Tls, host: str, status: int, alive: bool) -> None:
    seen = look(host, ADDRESSES, tls)
    assert (seen.status, seen.alive, seen.tls.state) == (status, alive, TlsState.VALID)


def test_the_page_is_fetched_once_by_its_name_and_nothing_is_followed(sandbox: Sandbox, tls: Tls) -> None:
    seen = look("http302.sandbox.test", ADDRESSES, tls)
    (row,) = sandbox.journal("tls")
    assert (row["method"], row["path"], row["headers"]["host"]) == ("GET", "/", "http302.sandbox.test")
    assert b"a tracking domain" in seen.body


def test_a_refused_certificate_ends_the_preview_before_anything_is_sent(sandbox: Sandbox, tls: Tls) -> None:
    seen = look("tlsexpired.sandbox.test", ADDRESSES, tls)
    assert (seen.status, seen.alive, seen.tls.state) == (None, False, TlsState.EXPIRED)
    assert sandbox.journal("tls") == []


def test_a_host_that_says_nothing_is_not_alive(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.http_preview.READ_SECONDS", 0.3)
    seen = look("httphang.sandbox.test", ADDRESSES, tls)
    assert (seen.status, seen.alive, seen.tls.state) == (None, False, TlsState.VALID)


def test_only_documentation_addresses_go_to_the_sandbox(settings_env: SettingsEnv) -> None:
    played = Tls.from_settings(settings_env(SANDBOX_URL="http://localhost:8700")).routes
    assert played.to("192.0.2.10", 443) == ("127.0.0.1", 8705)
    assert played.to("2001:db8::10", 443) == ("127.0.0.1", 8705)
    assert played.to("192.0.2.53", 53) == ("127.0.0.1", 8701)
    assert played.to("198.51.100.1", 443) == ("198.51.100.1", 443)
    assert played.to("192.0.2.10", 80) == ("192.0.2.10", 80)
    settings: Settings = settings_env(SANDBOX_URL="")
    assert Routes.from_settings(settings).to("192.0.2.10", 443) == ("192.0.2.10", 443)
