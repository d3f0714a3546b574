"""Commands run in this process, and what they said."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from cli.main import run
from worker import actor as actors


class Cli:
    """Runs commands and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        code = run(words)
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *words: str) -> Any:
        assert self(*words, "--json") == 0, self.err
        return orjson.loads(self.out)


@pytest.fixture
def cli(database: Any, capsys: pytest.CaptureFixture[str]) -> Cli:
    """On either engine."""
    return Cli(capsys)


@pytest.fixture
def embedded(sqlite_database: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The embedded mode, in which messages wait as rows of the same database."""
    monkeypatch.setattr(actors, "_current", [])
    return Cli(capsys)
