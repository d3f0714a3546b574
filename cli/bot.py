"""Commands about the Telegram bot: listening, who may speak with it, and how it is told what happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import Json

if TYPE_CHECKING:
    from config.settings import Settings

app = typer.Typer(
    rich_markup_mode=None, help="The Telegram bot: listen, link people, choose polling or webhook."
)  # fmt: skip
hook = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Have updates delivered to the web process.")
app.add_typer(hook, name="webhook")


class RoleName(StrEnum):
    """The roles, here so that they are offered without loading anything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.callback(invoke_without_command=True)
def listen(context: typer.Context) -> int | None:
    """Listen to the operators' chat: buttons and commands. One process listens, others wait for their turn.

    Examples:

      signalbox bot

      signalbox bot link anna --role operator
    """
    return None if context.invoked_subcommand else _listen()


def _listen() -> int:
    from cli.output import say
    from cli.session import database
    from config import logs
    from worker.bot_listener import Ended, make
    from worker.broker import load_actors, make_broker

    with database("worker") as settings:
        _expect_bot(settings)
        logs.configure(settings)
        broker = make_broker(settings, "worker")
        load_actors()
        listener = make(settings)
        if listener is None:
            raise CommandError(
                f"TELEGRAM_MODE={settings.telegram_mode}: there is nothing to ask for",
                hint="TELEGRAM_MODE=polling",
                code=ExitCode.NOT_READY,
            )
        listener.start()
        say("listening; Ctrl-C stops")
        stopped = _until_ended(listener)
        broker.close()
    if listener.ended is Ended.STOPPED or stopped:
        return int(ExitCode.OK)
    if listener.ended is None:
        raise CommandError("the bot has died", hint="the log says why")
    taken = listener.ended is Ended.CONFLICT
    raise CommandError(
        f"Telegram: {listener.ended}",
        hint="signalbox bot webhook delete, or stop the other program" if taken else "check TELEGRAM_BOT_TOKEN",
        code=ExitCode.LOCKED if taken else ExitCode.NOT_READY,
    )


def _until_ended(listener: Any) -> bool:
    """True when somebody has asked for it."""
    import signal

    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    while listener.is_alive() and not stop.wait(0.2):
        pass
    for number, handler in before.items():
        signal.signal(number, handler)
    listener.stop()
    return stop.is_set()


@app.command()
def link(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How the person is called in messages and the log.")],
    role: Annotated[RoleName, typer.Option(help="A viewer reads, an operator acts, an admin also starts tasks.")],
    as_json: Json = False,
) -> None:
    """Print a code, once: whoever sends it to the bot within an hour as /link CODE is this person from then on.

    Examples:

      signalbox bot link anna --role operator

      signalbox bot link ben --role viewer --json
    """
    from cli.output import say, show_json
    from cli.pipeline_words import acting, told
    from cli.session import database
    from core.bot import people

    with database(), told():
        code = people.invite(name, people.Role(role.value), acting())
    if as_json:
        return show_json({"name": name, "role": role.value, "code": code}, schema="bot.link/1")
    say(f"for {name}, within an hour, once:")
    return print(f"/link {code}")


@app.command("people")
def list_(as_json: Json = False) -> None:
    """Everybody who may speak with the bot.

    Examples:

      signalbox bot people

      signalbox bot people --json
    """
    from cli.output import show
    from cli.session import database
    from core.bot import people

    with database():
        found = people.listed()
    rows = [{"name": one.name, "role": one.role, "linked_at": one.linked_at} for one in found]
    show(rows, schema="bot.people/1", as_json=as_json, title="People", columns=("name", "role", "linked_at"))


@app.command()
def unlink(name: Annotated[str, typer.Argument(metavar="NAME", help="The person.")]) -> None:
    """Let a person speak with the bot no more; codes that were not used yet end too.

    Examples:

      signalbox bot unlink anna

      signalbox bot unlink "Ben of nights"
    """
    from cli.pipeline_words import acting, told
    from cli.session import database
    from core.bot import people

    with database(), told():
        if not people.unlink(name, acting()):
            raise CommandError(f"nobody is linked as {name}", hint="signalbox bot people")
    print(f"{name}: not linked any more")


@hook.command("set")
def set_() -> None:
    """Have updates delivered to TELEGRAM_WEBHOOK_URL, with TELEGRAM_WEBHOOK_SECRET.

    Examples:

      signalbox bot webhook set

      TELEGRAM_MODE=webhook signalbox bot webhook set
    """
    settings, port = _port()
    if settings.telegram_mode != "webhook":
        raise CommandError(
            f"TELEGRAM_MODE={settings.telegram_mode}: updates are delivered in the mode webhook only",
            hint="TELEGRAM_MODE=webhook for the web process, and then this command",
            code=ExitCode.NOT_READY,
        )
    secret = settings.telegram_webhook_secret.get_secret_value()
    _asked(lambda: port.set_webhook(settings.telegram_webhook_url, secret))
    print(f"updates are delivered to {settings.telegram_webhook_url}{_rehearsed(settings)}")


@hook.command()
def delete() -> None:
    """Have updates kept until `signalbox bot` asks for them.

    Examples:

      signalbox bot webhook delete

      TELEGRAM_MODE=polling signalbox bot webhook delete
    """
    settings, port = _port()
    _asked(port.delete_webhook)
    print(f"updates wait for signalbox bot{_rehearsed(settings)}")


def _rehearsed(settings: Settings) -> str:
    return " (dry run: Telegram was not told)" if settings.telegram_dry_run else ""


def _asked(call: Callable[[], object]) -> None:
    """Ask Telegram; what it says to that as the command's error."""
    from integrations.errors import OutsideError

    try:
        call()
    except OutsideError as error:
        raise CommandError(f"Telegram: {error}", hint="signalbox doctor --live", code=ExitCode.UNAVAILABLE) from error


def _port() -> tuple[Any, Any]:
    from config.settings import get_settings
    from core import announcing

    settings = get_settings()
    _expect_bot(settings)
    return settings, announcing.chat_bot(settings)


def _expect_bot(settings: Settings) -> None:
    from config.services import why_missing

    if settings.telegram_bot_token is None or settings.telegram_chat_id is None:
        hint = why_missing(settings, "telegram", "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID")
        raise CommandError("no bot is configured", hint=hint, code=ExitCode.NOT_READY)
