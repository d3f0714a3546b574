"""The pages of the bot: true, and no wider than a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from config.clock import now
from core import alerts
from core.bot import pages
from core.bot.people import Role
from core.bot.tables import WIDEST
from core.domains import holds
from core.domains.persons import NoPipeline, Refused
from integrations.telegram_text import plain
from models import incidents
from models.bot_people import Linked
from models.database import execute
from models.domain_states import Verdict
from models.fields import bind
from sandbox.telegram.html import visible
from tests.core.chatroom import START
from tests.core.domains import yard

LONG = "a-very-long-name-of-a-pipeline-that-fits-no-phone"


@pytest.fixture
def filled(database: Any) -> Any:
    with time_machine.travel(START, tick=False):
        yard.pipeline("P", "a.example", "b.example", f"{'c' * 60}.example")
        yard.pipeline(LONG, "d.example")
        holds.hold("P", "campaign of a partner", yard.ANNA)
        holds.hold_all("resolver trouble", yard.ANNA)
        yard.answer("a.example", Verdict.UNSAFE)
        alerts.raise_alert("unsafe", "a.example", alerts.Severity.CRITICAL, {"object": "a.example"})
        execute(
            "insert into stats_overall_by_date (day, clicks, clicks_unique, rejected_warning, errors, timezone, "
            "refreshed_at) values (%s, 1234567, 1000000, 5, 2, 'UTC', %s)",
            (bind(now().date()), bind(now())),
        )
        yield


PAGES: dict[str, Callable[[], str]] = {
    "status": pages.status,
    "pipelines": pages.all_pipelines,
    "pipeline": lambda: pages.pipeline("P"),
    "long": lambda: pages.pipeline(LONG),
    "domain": lambda: pages.domain("a.example"),
    "dead": pages.dead,
    "clicks": pages.clicks,
    "queues": lambda: pages.queues({"clicks": 12, "alerts": 0, "reporting": None}),
    "ack": lambda: pages.unacknowledged(incidents.open_ones(5)),
    "whoami": lambda: pages.whoami(Linked(1, "anna", "operator", START)),
    "help": lambda: pages.usage(Role.ADMIN),
}


def test_every_page_fits_a_phone_and_is_html(filled: Any) -> None:
    for name, make in PAGES.items():
        text = make()
        assert visible(text) == plain(text), name
        assert max(len(line) for line in plain(text).splitlines()) <= WIDEST, name
        assert ".example" not in plain(text).replace("[.]example", ""), name


def test_the_status_is_a_few_numbers(filled: Any) -> None:
    lines = [" ".join(line.split()) for line in plain(pages.status()).splitlines()]
    assert lines == [
        "STATUS 03:12", "open critical 1", "open warning 0", "open info 0", "pipelines 2", "exhausted 0", "held 1",
        "dead letters 0", "failover HELD by anna",
    ]  # fmt: skip


def test_pipelines_and_their_domains(filled: Any) -> None:
    assert "!P            a[.]example        2" in plain(pages.all_pipelines())
    text = plain(pages.pipeline("P"))
    assert "HELD by anna: campaign of a partner" in text
    assert "spare   b[.]example        unproven" in text
    assert "gsb      unsafe     03:12" in plain(pages.domain("a.example"))


def test_clicks_of_the_day(filled: Any) -> None:
    assert [line.split() for line in plain(pages.clicks()).splitlines()[1:-1]] == [
        ["counted", "1234567"], ["unique", "1000000"], ["social", "0"], ["refused", "5"], ["errors", "2"],
    ]  # fmt: skip


def test_what_is_not_there_is_said_to_be_so(database: Any) -> None:
    with pytest.raises(NoPipeline):
        pages.pipeline("Q")
    for word in ("nobody.example", "http://x", ""):
        with pytest.raises(Refused):
            pages.domain(word)


def test_help_names_only_what_a_role_may() -> None:
    assert "/hold" not in plain(pages.usage(Role.VIEWER))
    assert "/run" not in plain(pages.usage(Role.OPERATOR))
    assert "/run" in plain(pages.usage(Role.ADMIN))
