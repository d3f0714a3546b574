"""What commands print: text from outside is shown as it is, and obeyed by nobody."""

from __future__ import annotations

import sys

import pytest

from cli import output

OFFERS = (
    "ÄÖ 日本 [1] winter",
    "[/red] closes what nobody opened",
    "[link=https://evil.example]click[/link]",
    "\x1b]0;owned\x07\x1b[2J\r erased",
    "turned \u202e round",
)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("title", OFFERS)
def test_a_title_from_outside_is_printed_and_not_obeyed(
    title: str, terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    output.show([{"offer": 1, "title": title}], schema="", as_json=False, title="[/b] Items")
    shown = capsys.readouterr().out
    assert all(one.isprintable() or one in "\n\t" for one in shown)
    assert "".join(one if one.isprintable() else ascii(one)[1:-1] for one in title) in shown
    assert ("[/b] Items" in shown) is terminal


def test_talk_keeps_its_lines_and_nothing_else_that_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("refused: \x1b[2Jno\nsecond line")
    assert capsys.readouterr().err == "refused: \\x1b[2Jno\nsecond line\n"
