"""Titles in plain ASCII, for advertisers whose reports cannot read other alphabets."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import normalize

_SINGLE = dict(zip("абвгдезийклмнопрстуфыэіґøłđ", "abvgdeziyklmnoprstufyeigold", strict=True))
_SEVERAL = {
    "ё": "yo",
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ъ": "",
    "ь": "",
    "ю": "yu",
    "я": "ya",
    "є": "ye",
    "ї": "yi",
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
}
_LETTERS = _SINGLE | _SEVERAL
_CAPITALS = {letter.upper(): text.capitalize() for letter, text in _LETTERS.items() if len(letter.upper()) == 1}
_TABLE = str.maketrans(_LETTERS | _CAPITALS)


@lru_cache(maxsize=4096)
def ascii_text(text: str) -> str:
    """The text in ASCII: Cyrillic by letter, accents dropped, what has no likeness left out."""
    return normalize("NFKD", text.translate(_TABLE)).encode("ascii", "ignore").decode()
