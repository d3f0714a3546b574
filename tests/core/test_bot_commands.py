"""What people type and Telegram delivers, read without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bot import commands, updates
from core.bot.commands import VERBS, Command, parse
from core.bot.people import Role
from core.bot.tables import WIDEST, clip, page, table
from core.bot.updates import Pressed, Said
from integrations.telegram_text import plain

CHAT = {"id": -5, "type": "supergroup"}
MESSAGE = {"message_id": 3, "from": {"id": 7}, "chat": CHAT, "text": "/status"}


@pytest.mark.parametrize(
    ("text", "verb", "words"),
    [
        ("/status", "status", ()),
        ("  /Hold@acme_ops_bot  DE sweeps\n2h ", "hold", ("DE", "sweeps", "2h")),
        ("/start", "help", ()),
        ("/nonsense x", "nonsense", ("x",)),
    ],
)
def test_a_command_is_read(text: str, verb: str, words: tuple[str, ...]) -> None:
    assert parse(text) == Command(verb, words)


@pytest.mark.parametrize("text", ["", "hello", "see /status", "//", "/", "/a-b", "/1"])
def test_anything_else_is_talk(text: str) -> None:
    assert parse(text) is None


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    for one in (text, "/" + text, "/hold " + text):
        found = parse(one)
        assert found is None or len(found.words) <= commands.MOST_WORDS


def test_durations_are_minutes_hours_and_days() -> None:
    assert commands.duration("30m") == timedelta(minutes=30)
    assert commands.duration("2H") == timedelta(hours=2)
    assert [commands.duration(word) for word in ("0h", "2", "h", "2w", "-1h", "99999d")] == [None] * 6
    assert commands.lasting(("P", "2h")) == (("P",), timedelta(hours=2))
    assert commands.lasting(("P",)) == (("P",), None)
    assert commands.lasting(()) == ((), None)


def test_a_role_includes_those_before_it() -> None:
    assert [role.may(Role.OPERATOR) for role in Role] == [False, True, True]
    assert {verb.role for verb in VERBS.values() if verb.acts} == {Role.OPERATOR, Role.ADMIN}


def test_messages_and_presses_are_read() -> None:
    assert updates.read({"update_id": 1, "message": MESSAGE}) == Said(1, 7, -5, 3, False, "/status")
    press = {"id": "p", "from": {"id": 7}, "message": MESSAGE, "data": "x"}
    assert updates.read({"update_id": 2, "callback_query": press}) == Pressed(2, 7, -5, 3, False, "p", "x")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["update_id", "message", "callback_query", "from", "chat", "id", "text", "data"]), inner
            )
            | st.lists(inner, max_size=2)
        ),
    )
)
def test_no_update_is_too_odd(update: Any) -> None:
    updates.read(update)
    updates.number_of(update)


@pytest.mark.parametrize(
    "change", [{"text": None}, {"from": None}, {"chat": {"id": "x"}}, {"message_id": True}, {"from": {"id": 2**70}}]
)
def test_what_lacks_a_part_is_nothing(change: dict[str, Any]) -> None:
    assert updates.read({"update_id": 1, "message": MESSAGE | change}) is None


@given(st.lists(st.tuples(st.text(), st.integers(), st.text()), max_size=5))
def test_a_table_is_never_wider_than_a_phone(rows: list[tuple[str, int, str]]) -> None:
    text = plain(table(rows, (13, 8, 12)))
    assert all(len(line) <= WIDEST for line in text.split("\n"))


def test_names_of_hosts_are_no_links_and_tags_no_tags() -> None:
    assert clip("c4.example <b>", 20) == "c4[.]example <b>"
    assert clip("x" * 50, 5) == "xxxx…"
    assert page("<T>", "a", "") == "<b>&lt;T&gt;</b>\n<pre>a</pre>"
