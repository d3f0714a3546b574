"""Sorting what went wrong."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest
from peewee import InterfaceError, OperationalError, ProgrammingError

from models.database import fetch
from worker.failures import cause_of, is_database_down, trace_of
from worker.retries import backoff


def raised(error: Exception) -> Exception:
    """The error with a traceback."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_cause_names_class_and_place_and_no_value() -> None:
    error = raised(ValueError("jane@example.org"))

    assert cause_of(error) == "ValueError in tests/worker/test_failures.py raised"
    assert "jane" not in trace_of(error)
    assert trace_of(error).endswith("\nValueError")


def test_a_trace_is_short() -> None:
    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        raise KeyError("x")

    with pytest.raises(KeyError) as caught:
        deep(500)

    assert len(trace_of(caught.value)) <= 2048


def test_a_lost_connection_is_the_database_being_down() -> None:
    assert is_database_down(OperationalError(psycopg2.OperationalError("server closed the connection")))
    assert is_database_down(InterfaceError(psycopg2.InterfaceError("connection already closed")))


def test_a_slow_or_wrong_statement_is_not(postgres_database: Any) -> None:
    with pytest.raises(OperationalError) as slow:
        fetch("set statement_timeout = 10; select pg_sleep(1)")
    with pytest.raises(ProgrammingError) as wrong:
        fetch("select nothing from nowhere")

    assert not is_database_down(slow.value)
    assert not is_database_down(wrong.value)


def test_a_server_that_shuts_down_is(postgres_database: Any) -> None:
    with pytest.raises(OperationalError) as gone:
        fetch("select pg_terminate_backend(pg_backend_pid())")

    assert is_database_down(gone.value)


def test_waits_grow_with_jitter_up_to_the_last() -> None:
    options = {"min_backoff": 1000, "max_backoff": 60_000}

    assert 1 <= backoff(options, 0) <= 2
    assert 8 <= backoff(options, 3) <= 16
    assert backoff(options, 10_000) == 60
