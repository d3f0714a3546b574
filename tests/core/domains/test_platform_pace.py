"""Processes that call a platform keep its limit together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from core.domains import platforms
from core.domains.platforms import SharedPace
from integrations.errors import RateLimited
from models.rate_buckets import Limit
from tests.conftest import SettingsEnv


def test_two_processes_share_one_limit_and_one_of_them_silences_both(database: Any) -> None:
    with time_machine.travel("2026-11-21T03:12:00Z", tick=False) as travel:
        first, second = SharedPace(Limit("voluum", 5.0, 2)), SharedPace(Limit("voluum", 5.0, 2))
        first.take()
        second.take()
        with pytest.raises(RateLimited) as limited:
            first.take()
        assert not limited.value.sent
        assert limited.value.retry_after == pytest.approx(0.2)
        travel.shift(timedelta(seconds=0.2))
        second.take()
        second.hold(10)
        with pytest.raises(RateLimited) as limited:
            first.take()
        assert limited.value.retry_after == pytest.approx(10)
        travel.shift(timedelta(seconds=10))
        first.take()


def test_accounts_are_made_once_and_only_if_they_are_set(settings_env: SettingsEnv) -> None:
    settings_env(VOLUUM_ACCESS_ID="", AFFISE_API_KEY="")
    assert (platforms.voluum(), platforms.affise()) == (None, None)
    settings_env(SANDBOX_URL="http://127.0.0.1:1")
    account, tenant = platforms.voluum(), platforms.affise()
    assert account is not None
    assert tenant is not None
    assert (platforms.voluum(), platforms.affise()) == (account, tenant)
    assert account.client.limiter == SharedPace(platforms.VOLUUM)
    assert tenant.client.limiter == SharedPace(platforms.AFFISE_READS)
