"""A chat at the sandbox, a clock that stands still, and the queue of announcements in simulated time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from core import announcing
from core.announcing import Told
from integrations.errors import OutcomeUnknown, RateLimited, Rejected, Unavailable
from models import incidents
from models.database import fetch
from models.incidents import Incident
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

CHAT = -1001234567890
START = datetime(2026, 11, 21, 3, 12, 41, tzinfo=UTC)


class Room:
    """What operators see, and what the workers would do about it."""

    def __init__(self, sandbox: Sandbox, clock: time_machine.Traveller) -> None:
        self.sandbox, self.clock = sandbox, clock
        self._due: dict[int, datetime] = {}

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("GET", "telegram/messages")["messages"]
        return sorted(found, key=lambda one: one["message_id"])

    def texts(self) -> list[str]:
        return [one["text"] for one in self.messages()]

    def calls(self) -> list[dict[str, Any]]:
        return self.sandbox.journal("telegram")

    def most_calls_in_a_minute(self) -> int:
        times = [datetime.fromisoformat(row["at"]) for row in self.calls()]
        return max(sum(start <= at < start + timedelta(seconds=60) for at in times) for start in times)

    def pass_time(self, **time: float) -> None:
        self.clock.shift(timedelta(**time))

    def put(self, ids: Iterable[int]) -> None:
        """Messages for these incidents; one that waits is enough."""
        for alert_id in ids:
            self._due.setdefault(alert_id, datetime.now(UTC))

    def work(self, ids: Iterable[int] = (), most: int = 2000) -> Counter[str]:
        """Run announcements until none is left, going forward in time to each; what became of the attempts."""
        self.put(ids)
        results: Counter[str] = Counter()
        while self._due and sum(results.values()) < most:
            alert_id = min(self._due, key=lambda one: (self._due[one], one))
            if (ahead := self._due.pop(alert_id) - datetime.now(UTC)) > timedelta():
                self.clock.shift(ahead)
            results[self._run(alert_id)] += 1
        return results

    def _run(self, alert_id: int) -> str:
        try:
            told = announcing.announce(alert_id)
        except RateLimited as error:
            self._due[alert_id] = datetime.now(UTC) + timedelta(seconds=error.retry_after)
            return "limited"
        except (Unavailable, OutcomeUnknown, Rejected) as error:
            if isinstance(error, Unavailable):
                self._due[alert_id] = datetime.now(UTC) + timedelta(seconds=10)
            return type(error).__name__
        if told is Told.MORE:
            self.put([alert_id])
        return told.name


@contextmanager
def open_room(settings_env: SettingsEnv, **settings: str) -> Iterator[Room]:
    """A bot and its group; the clock stands at START."""
    with time_machine.travel(START, tick=False) as clock, Sandbox() as sandbox:
        settings_env(
            TELEGRAM_BOT_TOKEN="123:canary-token", TELEGRAM_CHAT_ID=str(CHAT),
            TELEGRAM_API_URL=f"{sandbox.url}/telegram", **settings,
        )  # fmt: skip
        yield Room(sandbox, clock)


def one(alert_id: int) -> Incident:
    """The row."""
    found = incidents.find(alert_id)
    assert found is not None
    return found


def assert_every_text_is_right(room: Room) -> None:
    """Each incident is told by exactly one message, its own or its storm's, and that says what is true now."""
    by_id = {message["message_id"]: message["text"] for message in room.messages()}
    told: set[int] = set()
    for (row_id,) in fetch("select id from alert where kind <> 'storm'"):
        incident = one(int(row_id))
        speaker = one(incident.group_id) if incident.group_id else incident
        assert speaker.message_id is not None
        assert speaker.told_version == speaker.version
        told.add(speaker.message_id)
        if incident.group_id is None:
            assert ("RECOVERED" in by_id[speaker.message_id]) is (not incident.open)
            assert incident.key.replace(".", "[.]") in by_id[speaker.message_id]
    storms = [text for text in by_id.values() if "<b>STORM</b>" in text]
    rows = fetch("select id from alert where kind = 'storm'")
    assert len(storms) == len(rows)
    for (row_id,), text in zip(rows, storms, strict=True):
        tally = incidents.tally(int(row_id))
        total, still = sum(count for _, count, _ in tally), sum(left for _, _, left in tally)
        assert f"<b>STORM</b>  {total} incidents at once, {still} open" in text
        named = len(re.findall(r"c\d+\[\.\]example", text))
        more = re.search(r"and (\d+) more", text)
        assert named + (int(more[1]) if more else 0) == still
    others = [message for message in room.messages() if message["message_id"] not in told]
    assert all(message["reply_to"] in told for message in others)
