"""Text as Telegram wants it: escaped, without links, in parts that fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.telegram_text import LONGEST, defang, escape, length, plain, shown, split
from tests.search import search


def test_what_could_be_html_is_escaped_also_in_attributes() -> None:
    assert escape("""<b> & "x" 'y'""") == "&lt;b&gt; &amp; &quot;x&quot; &#x27;y&#x27;"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("c4.example", "c4[.]example"), ("see https://go.old.example/a?b", "see https://go[.]old[.]example/a?b"),
     ("anna@pub.example.", "anna@pub[.]example."), ("xn--80a.xn--p1ai", "xn--80a[.]xn--p1ai"),
     ("пример.рф", "пример[.]рф"),
     ("203.0.113.9", "203.0.113.9"), ("41.5 s, 3.11", "41.5 s, 3.11"), ("done. Next", "done. Next"), ("", "")],
)  # fmt: skip
def test_names_of_hosts_are_no_links(written: str, expected: str) -> None:
    assert defang(written) == expected


def test_what_comes_from_outside_is_defanged_and_escaped() -> None:
    assert shown("<a href='http://x.example'>") == "&lt;a href=&#x27;http://x[.]example&#x27;&gt;"


def test_tags_do_not_count_and_entities_count_one() -> None:
    assert length("<b>a&amp;b</b>😀") == 5


@pytest.mark.parametrize("size", [1, 4095, 4096])
def test_a_text_that_fits_is_one_part(size: int) -> None:
    assert split("я" * size) == ["я" * size]


def test_one_letter_more_makes_a_second_part_and_no_empty_one() -> None:
    assert [len(part) for part in split("я" * 4097)] == [4096, 1]


def test_parts_end_at_lines_or_blanks_and_open_tags_go_on() -> None:
    assert split("<b>one two</b> three", 8) == ["<b>one two</b> ", "three"]
    assert split("<b>one two three</b>", 9) == ["<b>one two </b>", "<b>three</b>"]
    assert split("one\ntwo three", 9) == ["one\n", "two three"]


@given(
    st.lists(st.sampled_from(["<b>", "</b>", "<i>", "</i>", "&amp;", "&lt;", "я", "a", " ", "\n", "😀"]), max_size=60)
)
@search(300)
def test_no_part_is_too_long_and_nothing_visible_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = split(text, 7)
    assert all(length(part) <= 7 for part in parts)
    assert "".join("".join(map(plain, parts)).split()) == "".join(plain(text).split())
    assert all(plain(part).strip() for part in parts)


def test_the_longest_message_is_the_documented_one() -> None:
    assert LONGEST == 4096
