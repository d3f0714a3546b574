"""Reads messages as Telegram does: known tags, properly nested, nothing half escaped."""

from __future__ import annotations

import re
from html import unescape

_TAGS = frozenset(
    {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a", "code", "pre", "blockquote"}
)
_PIECE = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][\w-]*)(?P<rest>[^<>]*)>|(?P<open><)|(?P<text>[^<]+)")
_ENTITY = re.compile(r"&(?!#\d{1,7};|#x[0-9a-fA-F]{1,6};|(?:lt|gt|amp|quot);)")


class Unparsable(ValueError):
    """The text is no HTML that Telegram takes; the message is the rest of its complaint."""


def visible(text: str) -> str:
    """What a reader sees; raises Unparsable."""
    opened: list[str] = []
    seen: list[str] = []
    for found in _PIECE.finditer(text):
        if found["open"]:
            raise Unparsable(f"Unexpected start tag at byte offset {found.start()}")
        if found["text"]:
            seen.append(_plain(found["text"], found.start()))
        else:
            _tag(found, opened)
    if opened:
        raise Unparsable(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"')
    return "".join(seen)


def _tag(found: re.Match[str], opened: list[str]) -> None:
    name = found["name"].lower()
    if name not in _TAGS:
        raise Unparsable(f'Unsupported start tag "{name}" at byte offset {found.start()}')
    if not found["end"]:
        opened.append(name)
    elif not opened or opened.pop() != name:
        raise Unparsable(f'Unmatched end tag at byte offset {found.start()}, expected "</{name}>"')


def _plain(text: str, at: int) -> str:
    bad = _ENTITY.search(text)
    if bad:
        raise Unparsable(f"Unsupported entity at byte offset {at + bad.start()}")
    return unescape(text)
