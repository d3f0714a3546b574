"""Commands that start a task: through its queue, or here and now."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json

Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Arguments of the task; values are JSON or text.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the tree."""
    app.command()(enqueue)
    app.command("run")(run_here)


def enqueue(
    task: str,
    arguments: Arguments = None,
    delay: Annotated[str, typer.Option(help="Wait before it may start: 30s, 5m, 2h.")] = "0s",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Send a task to its queue; TASK is the catalog name or the seed name.

    Examples:

      signalbox enqueue clean_ip_blacklist

      signalbox enqueue refresh_campaign campaign_id=12 --delay 5m
    """
    from cli.output import show_json
    from cli.session import database
    from config.catalog import find
    from worker.broker import load_actors, make_broker

    row = find(task)
    actor = load_actors()[row.name]
    values, wait = checked(actor.fn, arguments or []), milliseconds(delay)
    if dry_run:
        return show_json({"task": row.name, "queue": row.queue, "arguments": values, "sent": False}, schema="enqueue/1")
    with database() as settings:
        broker = make_broker(settings, "worker")
        message = actor.send_with_options(kwargs=values, delay=wait or None)
        broker.close()
    record = {"task": row.name, "queue": row.queue, "message_id": message.message_id, "sent": True}
    return (
        show_json(record, schema="enqueue/1")
        if as_json
        else print(f"sent {row.name} to {row.queue}: {message.message_id}")
    )


def run_here(task: str, arguments: Arguments = None, as_json: Json = False) -> None:
    """Run a task in this process, without a queue; messages that follow from it are sent as usual.

    Examples:

      signalbox run clean_ip_blacklist

      signalbox run agregate_stats --json
    """
    from cli.output import show_json
    from cli.session import database
    from config.catalog import find
    from worker.broker import load_actors, make_broker

    row = find(task)
    actor = load_actors()[row.name]
    values = checked(actor.fn, arguments or [])
    with database() as settings:
        broker = make_broker(settings, "worker")
        result = actor(**values)
        broker.close()
    return (
        show_json({"task": row.name, "result": result}, schema="run/1")
        if as_json
        else print(f"{row.name} done: {result}")
    )


def checked(function: Callable[..., Any], pairs: list[str]) -> dict[str, Any]:
    """A task's arguments from NAME=VALUE words, by its signature; CommandError names the word that is wrong."""
    parameters, hints = inspect.signature(function).parameters, get_type_hints(function)
    values = dict(_pair(word) for word in pairs)
    if unknown := sorted(set(values) - set(parameters)):
        raise _usage(f"{function.__name__} has no argument {unknown[0]!r}; it takes {', '.join(parameters) or 'none'}")
    if missing := [name for name, item in parameters.items() if item.default is item.empty and name not in values]:
        raise _usage(f"{function.__name__} needs {missing[0]}=…")
    return {name: _value(name, text, hints.get(name, str)) for name, text in values.items()}


def _pair(word: str) -> tuple[str, str]:
    name, separator, value = word.partition("=")
    if not separator:
        raise _usage(f"{word!r} is not NAME=VALUE")
    return name, value


def _value(name: str, text: str, kind: Any) -> Any:
    import msgspec

    for candidate in (_json(text), text):
        try:
            return msgspec.to_builtins(msgspec.convert(candidate, kind, strict=True))
        except msgspec.ValidationError:
            continue
    raise _usage(f"{name}: {text!r} is not a {getattr(kind, '__name__', kind)}")


def _json(text: str) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(text: str) -> int:
    """The duration of a word such as 30s, 5m, 2h, 1d in milliseconds."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdigit():
        raise _usage(f"{text!r} is not a duration; write 30s, 5m, 2h or 1d")
    return int(number) * _UNITS[unit]


def _usage(text: str) -> CommandError:
    return CommandError(text, hint="signalbox tasks", code=ExitCode.USAGE)
