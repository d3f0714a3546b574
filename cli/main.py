"""Entry point: the command tree, and the translation of errors into exit codes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from cli.commands import MODULES, Root
from cli.errors import CommandError, ExitCode, tell, translate

# Typer carries its own copy of click and exports the subclass only
UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])

_HELP = """The back office of an ad network.

Examples:

  signalbox up --demo

  signalbox clicks explain 0197a3c4-7c00-7000-8000-000000000001
"""

app = typer.Typer(
    name="signalbox",
    cls=Root,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_HELP,
)


@app.callback(help=_HELP)
def options(
    env_file: Annotated[Path | None, typer.Option(help="Read settings from this file in place of .env.")] = None,
) -> None:
    if env_file:
        from config.settings import use_env_file

        use_env_file(env_file)


def main() -> None:
    """Run the command line of this process and exit with its code."""
    words = sys.argv[1:]
    # a command that ends soon has little garbage; looking for it among all that is imported takes a quarter of its time
    if not any(MODULES.get(word) == "servers" for word in words):
        gc.set_threshold(10_000)
    code = run(words)
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Bugs keep their traceback only with --debug."""
    debug = "--debug" in arguments
    command = typer.main.get_command(app)
    try:
        result = command.main(
            [word for word in arguments if word != "--debug"], prog_name="signalbox", standalone_mode=False
        )
        return int(result or 0)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except UsageError as error:
        return _refuse(error)
    except Exception as error:
        if debug:
            raise
        return _failed(error)


def _refuse(error: Exception) -> int:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    tell(CommandError(text, hint=f"{context.command_path if context else 'signalbox'} --help"))
    return int(ExitCode.USAGE)


def _failed(error: Exception) -> int:
    known = translate(error) or CommandError(
        f"{type(error).__name__}: an unexpected failure", hint="the same command with --debug"
    )
    tell(known)
    return int(known.code)
