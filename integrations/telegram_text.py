"""Text as Telegram wants it: escaped HTML, names that nothing turns into links, and parts that fit into a message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape as _escape
from html import unescape

LONGEST = 4096
_HOST = re.compile(r"[^\W_][\w-]*(?:\.[\w-]+)*\.(?:xn--[\w-]+|[^\W\d_]{2,})(?![\w-])", re.UNICODE)
_TOKEN = re.compile(r"<[^<>]*>|&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});|[\s\S]")
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)")


def escape(text: str) -> str:
    """Any text, safe inside a message and inside an attribute."""
    return _escape(text, quote=True)


def defang(text: str) -> str:
    """The text with every host name written `c4[.]example`: nobody taps on it, and no preview fetches it."""
    return _HOST.sub(lambda found: found[0].replace(".", "[.]"), text)


def shown(text: str) -> str:
    """What comes from outside, ready for a message: defanged and escaped."""
    return escape(defang(text))


def plain(text: str) -> str:
    """What a reader sees of it."""
    return "".join("" if _TAG.match(token) else unescape(token) for token in _TOKEN.findall(text))


def length(text: str) -> int:
    """How much of a message it fills: tags count nothing, an entity one, letters beyond the base plane two."""
    return sum(_size(token) for token in _TOKEN.findall(text))


def split(text: str, most: int = LONGEST) -> list[str]:
    """The text in parts of at most `most`, cut at line ends or blanks where possible, never inside a tag or entity.

    Tags open at a cut are closed there and opened again in the next part. Parts that would show nothing are left out.
    """
    parts: list[str] = []
    opened: list[str] = []
    for piece in _pieces(_TOKEN.findall(text), most):
        before = "".join(opened)
        opened = _open_after(opened, piece)
        parts.append(before + "".join(piece) + "".join(f"</{_name(tag)}>" for tag in reversed(opened)))
    return [part for part in parts if plain(part).strip()]


def _pieces(tokens: list[str], most: int) -> Iterator[list[str]]:
    start = 0
    while start < len(tokens):
        end = _end(tokens, start, most)
        yield tokens[start:end]
        start = end


def _end(tokens: list[str], start: int, most: int) -> int:
    """Where the part that begins at `start` ends: behind a line end, else behind a blank, else where it is full."""
    filled, line, blank = 0, 0, 0
    for place in range(start, len(tokens)):
        piece = tokens[place]
        filled += _size(piece)
        if filled > most:
            return line or blank or max(place, start + 1)
        if piece == "\n":
            line = place + 1
        elif piece == " ":
            blank = place + 1
    return len(tokens)


def _open_after(opened: list[str], tokens: list[str]) -> list[str]:
    stack = list(opened)
    for token in tokens:
        found = _TAG.match(token)
        if found is None:
            continue
        if not found[1]:
            stack.append(token)
        elif stack and _name(stack[-1]) == found[2]:
            stack.pop()
    return stack


def _name(tag: str) -> str:
    found = _TAG.match(tag)
    return found[2] if found else ""


def _size(token: str) -> int:
    if _TAG.match(token):
        return 0
    return len(unescape(token).encode("utf-16-le", "surrogatepass")) // 2
