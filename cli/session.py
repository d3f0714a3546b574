"""What most commands need first: settings, a database of this version, logs on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from config.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON with a versioned schema.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and change nothing.")]


@contextmanager
def database(role: str = "cli") -> Iterator[Settings]:
    """The settings, with the database connected, checked to be of this version, and closed afterwards."""
    from config import logs
    from config.settings import get_settings

    logs.configure(get_settings())  # what is logged is talk: it must not end up among the data, and bears no secrets
    with reading(role) as settings:
        yield settings


@contextmanager
def reading(role: str = "cli") -> Iterator[Settings]:
    """The same for a command that only reads: nothing that it calls logs, and it does not wait for what writes logs."""
    from config.settings import get_settings
    from models import migrate
    from models.database import connect, disconnect

    settings = get_settings()
    connect(settings, role=role)
    try:
        migrate.require_current()
        yield settings
    finally:
        disconnect()


def operator() -> str:
    """The login name of the person at the terminal, for the audit log; the user id where the system knows no name."""
    import os
    import pwd

    # not getpass.getuser(), which believes the environment
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def confirm(question: str, yes: bool, *, word: str = "") -> None:
    """Ask before harm; without a terminal and without --yes the command is refused.

    With `word` only that word, typed, is a yes.
    """
    from cli.errors import CommandError, ExitCode

    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"refused: {question}", cause="no terminal to ask on", hint="add --yes", code=ExitCode.USAGE)
    agreed = typer.prompt(f"{question} Type {word} to go on") == word if word else typer.confirm(question)
    if not agreed:
        raise CommandError("nothing was changed", code=ExitCode.USAGE)
