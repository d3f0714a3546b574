"""Dead letters as a list of work, on both engines."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest

from config.ids import new_id
from models.database import fetch
from models.dead_letters import Letter, bury
from models.envelope import encode_message
from models.runtime import DeadLetter, DeadReason, DeadState
from tests.worker.postroom import table
from worker import dead_letters

pytestmark = pytest.mark.usefixtures("database")


def dead(task: str = "refresh_campaign", error: str = "KeyError", **kwargs: Any) -> int:
    """The id of a new letter."""
    message_id = new_id()
    options = {"retries": 3, "attempt": 3, "traceback": "x", "dedupe_key": "k"}
    body = encode_message(task, kwargs or {"campaign_id": 5}, message_id=message_id, options=options)
    row_id = bury(Letter(message_id, 3, task, "jobs", body, DeadReason.EXHAUSTED, error))
    assert row_id is not None
    return row_id


def waiting(task: str) -> list[dict[str, Any]]:
    """The messages of a task that wait to be sent."""
    bodies = [orjson.loads(bytes(body)) for (body,) in fetch(f"select body from {table()} order by id")]
    return [body for body in bodies if body["actor_name"] == task]


def test_letters_that_died_of_the_same_cause_are_one_group() -> None:
    for error in ("KeyError", "KeyError", "ValueError"):
        dead(error=error)

    assert [(group["error"], group["count"]) for group in dead_letters.groups()] == [("KeyError", 2), ("ValueError", 1)]
    assert dead_letters.groups(task="clean_ip_blacklist") == []
    assert len(dead_letters.groups(task="refresh_campaign", reason="exhausted")) == 2


def test_a_letter_is_shown_with_the_names_of_its_arguments_only() -> None:
    shown = dead_letters.describe(dead(campaign_id="jane@example.org"))

    assert shown is not None
    assert shown["arguments"] == ["campaign_id"]
    assert "jane" not in str(shown)
    assert dead_letters.describe(999) is None


def test_a_replay_keeps_the_id_and_forgets_what_was_spent() -> None:
    letter_id = dead()

    assert dead_letters.replay([letter_id]) == 1

    (again,) = waiting("refresh_campaign")
    letter = DeadLetter.get_by_id(letter_id)
    assert UUID(again["message_id"]) == letter.message_id
    assert again["options"] == {"attempt": 4, "dedupe_key": "k"}
    assert letter.state == DeadState.REPLAYED


def test_a_letter_is_replayed_or_discarded_once() -> None:
    first, second = dead(), dead()

    assert dead_letters.replay([first, first]) == 1
    assert dead_letters.replay([first]) == 0
    assert dead_letters.discard([first, second]) == 1
    assert len(waiting("refresh_campaign")) == 1


def test_a_dead_group_of_clicks_comes_back_as_single_clicks() -> None:
    letter_id = dead("process_clicks", clicks=[{"click_id": "a"}, {"click_id": "b"}])

    assert dead_letters.replay([letter_id]) == 1

    singles = waiting("process_click")
    assert [message["kwargs"]["click"]["click_id"] for message in singles] == ["a", "b"]
    assert len({message["message_id"] for message in singles}) == 2


def test_what_cannot_be_read_or_run_stays() -> None:
    unreadable = bury(Letter(new_id(), 0, "", "jobs", b"garbage", DeadReason.UNDECODABLE))
    unknown = bury(Letter(new_id(), 0, "of_tomorrow", "jobs", b"{}", DeadReason.UNKNOWN_ACTOR))
    assert unreadable is not None
    assert unknown is not None

    assert dead_letters.replay([unreadable, unknown]) == 0
    assert {letter.state for letter in DeadLetter.select()} == {DeadState.DEAD}
    assert dead_letters.describe(unreadable)["arguments"] == []  # type: ignore[index]


def test_letters_are_chosen_by_everything_given() -> None:
    first, second = dead(), dead("clean_ip_blacklist")

    assert dead_letters.choose() == [first, second]
    assert dead_letters.choose(task="clean_ip_blacklist") == [second]
    assert dead_letters.choose(ids=[first], task="clean_ip_blacklist") == []
    assert dead_letters.choose(limit=1) == [first]
