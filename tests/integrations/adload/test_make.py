"""Which driver the settings name."""

from __future__ import annotations

import pytest

from config.settings import Settings
from integrations import adload
from integrations.adload.http import HttpAdLoad
from integrations.adload.port import AdLoad
from integrations.adload.xmlrpc import XmlRpcAdLoad

KEYS = {"link_keys": "0:" + "ab12" * 16, "fallback_url": "https://ads.example/", "settlement_currency": "USD"}


def made(monkeypatch: pytest.MonkeyPatch, **values: str) -> AdLoad | None:
    for name, value in (KEYS | values).items():
        monkeypatch.setenv(name.upper(), value)
    return adload.make(Settings())


def test_local_is_made_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made(monkeypatch, adload_driver="local") is None


def test_http_takes_its_times_key_and_promise_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = made(
        monkeypatch,
        adload_driver="http",
        adload_url="http://127.0.0.1:9/adload",
        adload_token="t0ken",
        adload_timeout_ms="1500",
        adload_batch_timeout_ms="9000",
        adload_idempotent="false",
    )
    assert isinstance(driver, HttpAdLoad)
    assert (driver.seconds, driver.batch_seconds, driver.token) == (1.5, 9.0, "t0ken")
    assert (driver.idempotent, driver.transactional) == (False, False)


def test_xmlrpc_is_never_idempotent(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = made(monkeypatch, adload_driver="xmlrpc", adload_url="http://127.0.0.1:9", adload_idempotent="true")
    assert isinstance(driver, XmlRpcAdLoad)
    assert (driver.idempotent, driver.transactional) == (False, False)
