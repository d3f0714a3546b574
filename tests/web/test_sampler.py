"""How many forged links leave a record."""

from __future__ import annotations

import time

import pytest

from web import sampler as module
from web.sampler import Sampler


def test_ten_a_minute_from_one_network_are_taken() -> None:
    sampler = Sampler()
    assert sum(sampler.takes("203.0.113.7/32") for _ in range(100)) == 10


def test_each_network_has_its_own_ten() -> None:
    sampler = Sampler()
    assert sum(sampler.takes(f"203.0.113.{host}/32") for host in range(5) for _ in range(20)) == 50


def test_after_a_minute_there_are_ten_more(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Sampler()
    for _ in range(20):
        sampler.takes("203.0.113.7/32")
    later = time.monotonic() + 61
    monkeypatch.setattr(module, "monotonic", lambda: later)
    assert sampler.takes("203.0.113.7/32")


def test_a_flood_from_everywhere_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NETWORKS_MAX", 100)
    sampler = Sampler()
    assert sum(sampler.takes(f"2001:db8:{number:x}::/64") for number in range(1000)) == 100
