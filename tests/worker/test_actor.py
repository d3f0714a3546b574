"""Tasks as functions: where their options come from, and what calling them means."""

from __future__ import annotations

from uuid import UUID

import pytest

from config import catalog
from config.catalog import Area, Retry, Task, UnknownTask
from worker import actor as actors
from worker.actor import NoBroker, actor
from worker.broker import load_actors
from worker.failures import BadMessage
from worker.middleware import middleware


@pytest.fixture(autouse=True)
def _own_actors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "ACTORS", {})
    monkeypatch.setattr(actors, "_current", [])
    monkeypatch.setitem(catalog.TASKS, "greet", Task("greet", "jobs", Area.SHARED, 45, Retry(3, 2, 8)))


def greet(name: str, loud: bool = False) -> str:
    """Say hello."""
    return name.upper() if loud else name


def test_the_catalog_gives_a_task_its_queue_retries_and_limit() -> None:
    task = actor(greet)

    assert (task.actor_name, task.queue_name) == ("greet", "jobs")
    options = task.options
    assert (options["max_retries"], options["min_backoff"], options["max_backoff"]) == (3, 2000, 8000)
    assert (options["time_limit"], options["notify_shutdown"]) == (45_000, True)


def test_every_option_is_known_to_some_middleware() -> None:
    known = {name for each in middleware() for name in each.actor_options}

    assert set(actor(greet).options) <= known


def test_a_function_without_a_row_is_refused_at_import() -> None:
    def unheard_of() -> None: ...

    with pytest.raises(UnknownTask, match=r"unheard_of has no row in config/catalog\.py"):
        actor(unheard_of)


def test_a_task_has_one_actor() -> None:
    actor(greet)

    with pytest.raises(ValueError, match="greet has two actors"):
        actor(greet)


def test_called_by_other_code_a_task_is_its_function() -> None:
    assert actor(greet)("ada", loud=True) == "ADA"


def test_without_a_broker_nothing_can_be_sent() -> None:
    with pytest.raises(NoBroker):
        actor(greet).send("ada")


def test_messages_have_sortable_ids_and_their_task_s_queue() -> None:
    task = actor(greet)

    first, second = task.message("ada"), task.message(name="bob")

    assert first.queue_name == "jobs"
    assert UUID(first.message_id).version == 7
    assert first.message_id < second.message_id


def test_arguments_that_a_newer_sender_added_are_left_out() -> None:
    assert actor(greet).fitting(("ada",), {"loud": True, "due_at": "2026-11-21"}) == {"loud": True}


def test_missing_arguments_make_a_bad_message() -> None:
    with pytest.raises(BadMessage, match="name"):
        actor(greet).fitting((), {"loud": True})


def test_every_row_of_the_catalog_has_an_actor_and_the_reverse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert set(load_actors()) == set(catalog.TASKS)


def test_the_time_limit_is_the_last_of_the_middleware() -> None:
    names = [type(each).__name__ for each in middleware()]

    assert names[:2] == ["StaleDelivery", "PoisonGuard"]
    assert names[-2:] == ["SafeRetries", "TimeLimit"]
