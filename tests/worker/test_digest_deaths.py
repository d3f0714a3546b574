"""A worker that dies with the daily message: it is never lost, and where it comes twice the second one says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.digest import AGAIN, CLAIM
from integrations.errors import Unavailable
from integrations.telegram_text import plain
from models import bot_updates, rate_buckets
from tests.worker.bot_room import Desk, desk, sandbox
from worker.digest import send_domains_digest
from worker.failures import Busy

__all__ = ["desk", "sandbox"]
DOWN = {"type": "status", "status": 503}


class Killed(BaseException):
    """The process is gone."""


def killed(desk: Desk, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Run the task in a process that dies when it comes to this call."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as death:
        death.setattr(module, name, die)
        with pytest.raises(Killed):
            send_domains_digest()


def firsts(desk: Desk) -> list[str]:
    return [plain(text).splitlines()[0] for text in desk.texts()]


def test_killed_before_it_was_sent_it_is_sent_when_the_dead_claim_is_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(desk, monkeypatch, rate_buckets, "take")
    with pytest.raises(Busy) as busy:  # the message comes again at once, while the claim of the dead one runs
        send_domains_digest()
    assert 0 < busy.value.seconds <= CLAIM.total_seconds()
    desk.pass_time(seconds=busy.value.seconds)
    send_domains_digest()
    send_domains_digest()
    assert firsts(desk) == ["🟢 DIGEST  21 Nov: nothing is open"]
    assert AGAIN not in desk.texts()[0]


def test_killed_after_it_was_sent_it_comes_once_more_silently_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(desk, monkeypatch, bot_updates, "day_sent")
    desk.pass_time(seconds=CLAIM.total_seconds())
    for _ in range(3):
        send_domains_digest()
        desk.pass_time(minutes=5)
    assert firsts(desk) == ["🟢 DIGEST  21 Nov: nothing is open"] * 2
    assert [AGAIN in text for text in desk.texts()] == [False, True]
    assert all(message["silent"] for message in desk.messages())
    assert len(desk.texts()[1].splitlines()) <= 12


def test_a_failure_before_a_death_or_after_it_takes_nothing_from_what_is_known(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = desk.sandbox.fault("telegram", DOWN)
    _fails()
    desk.sandbox.control("DELETE", f"faults/{fault}")
    desk.pass_time(minutes=1)
    killed(desk, monkeypatch, bot_updates, "day_sent")
    fault = desk.sandbox.fault("telegram", DOWN)
    desk.pass_time(minutes=2)
    _fails()
    desk.sandbox.control("DELETE", f"faults/{fault}")
    desk.pass_time(minutes=1)
    send_domains_digest()
    assert [AGAIN in text for text in desk.texts()] == [False, True]


def _fails(run: Callable[[], object] = send_domains_digest) -> None:
    with pytest.raises(Unavailable):
        run()
