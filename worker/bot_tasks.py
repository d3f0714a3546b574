"""Starting a task from the chat: its name and arguments, checked against what its function takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
import orjson

from config import catalog
from config.catalog import Task, UnknownTask
from core.domains.persons import Refused
from worker.broker import load_actors


def order(words: tuple[str, ...]) -> tuple[Task, dict[str, Any]]:
    """The task of a /run and its arguments, checked against what its function takes."""
    if not words:
        raise Refused("task: name one, as in /run clean_ip_blacklist")
    try:
        row = catalog.find(words[0])
    except UnknownTask:
        raise Refused(f"task: there is no {words[0]}") from None
    function = load_actors()[row.name].fn
    return row, _arguments(function, words[1:])


def send(row: Task, values: dict[str, Any]) -> str:
    """Send a task to its queue, with the open transaction; the id of the message."""
    return load_actors()[row.name].send_with_options(kwargs=values).message_id


def _arguments(function: Callable[..., Any], words: tuple[str, ...]) -> dict[str, Any]:
    names = inspect.signature(function).parameters
    hints = {name: kind for name, kind in get_type_hints(function).items() if name in names}
    values: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or name not in hints:
            raise Refused(f"arguments: {word} is none; this task takes {', '.join(hints) or 'none'}")
        values[name] = _value(name, text, hints[name])
    try:
        inspect.signature(function).bind(**values)
    except TypeError as error:
        raise Refused(f"arguments: {error}") from None
    return values


def _value(name: str, text: str, kind: Any) -> Any:
    for candidate in (text.encode(), orjson.dumps(text)):
        try:
            return msgspec.to_builtins(msgspec.json.decode(candidate, type=kind))
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
    raise Refused(f"arguments: {name} cannot be {text}")
