"""Reads control calls strictly and names the field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?:required|unknown) field `(?P<name>[^`]+)`")
_Shape = TypeVar("_Shape", bound=msgspec.Struct | list[Any])
_Settings = TypeVar("_Settings", bound=msgspec.Struct)


class BadField(ValueError):
    """A control call names a field that does not exist or has the wrong shape."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def read(body: bytes, shape: type[_Shape]) -> _Shape:
    """The body as `shape`, nothing meaning `{}`; raises BadField with the dotted name of what is wrong."""
    try:
        found: _Shape = msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as wrong:
        raise _bad_field(wrong) from None
    except msgspec.DecodeError as wrong:
        raise BadField("body", str(wrong)) from None
    return found


def convert(changes: object, shape: type[_Shape]) -> _Shape:
    """The `set` of an edit as `shape`; raises BadField."""
    try:
        converted: _Shape = msgspec.convert(changes, shape)
    except msgspec.ValidationError as wrong:
        raise _bad_field(wrong, below="set") from None
    return converted


def changed(settings: _Settings, changes: Mapping[str, Any]) -> _Settings:
    """The settings with the `set` of an edit laid over them; raises BadField."""
    return convert(msgspec.to_builtins(settings) | changes, type(settings))


def whole_number(parameters: Mapping[str, str], name: str, default: int) -> int:
    """A query parameter of digits; raises BadField."""
    text = parameters.get(name, str(default))
    if not text.isdecimal():
        raise BadField(name, "not a whole number")
    return int(text)


def _bad_field(wrong: msgspec.ValidationError, below: str = "") -> BadField:
    """Turn the decoder's sentence into the name of a field and a reason."""
    text = str(wrong)
    at, named = _AT.search(text), _NAMED.search(text)
    names = [below, at["path"] if at else "", named["name"] if named else ""]
    return BadField(".".join(name for name in names if name) or "body", _AT.sub("", text))
