"""A command that was typed wrongly points to its own help."""

from __future__ import annotations

import pytest

from cli import main


@pytest.mark.parametrize(
    ("words", "help_of"),
    [
        (("pipelines", "hold", "DE"), "signalbox pipelines hold"),
        (("pipelines", "release", "DE", "--reason", "x"), "signalbox pipelines release"),
        (("domains", "answer", "a.example", "perhaps", "--reason", "x"), "signalbox domains answer"),
        (("pipelines", "requests", "show"), "signalbox pipelines requests show"),
        (("doctor", "--alive"), "signalbox doctor"),
        (("--what",), "signalbox"),
    ],
)
def test_a_mistake_in_typing_names_the_help_of_that_command(
    words: tuple[str, ...], help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"try:   {help_of} --help"
