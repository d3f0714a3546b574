"""Exit codes, and the one way an error is told: what and where, the likely cause, a command to try."""

from __future__ import annotations

import errno
import sys
from enum import IntEnum

_OWN_FOLDER = "a folder that may be written, or SQLITE_PATH and SPOOL_DIR that name one"
_REFUSED_FILES = {
    errno.EROFS: _OWN_FOLDER,
    errno.EACCES: _OWN_FOLDER,
    errno.EPERM: _OWN_FOLDER,
    errno.ENOSPC: "df -h",
    errno.ENOENT: "",
    errno.ENOTDIR: "",
    errno.EISDIR: "",
}


class ExitCode(IntEnum):
    """One table for all commands."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_READY = 3
    FINDINGS = 4
    UNAVAILABLE = 5
    INTEGRITY = 6
    LOCKED = 7
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on; shown without a traceback, ends with its exit code."""

    def __init__(self, what: str, *, cause: str = "", hint: str = "", code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(what)
        self.what, self.cause, self.hint, self.code = what, cause, hint, code


def tell(error: CommandError) -> None:
    """Print the error on stderr: what, why, what to try."""
    lines = [f"error: {error.what}", error.cause and f"cause: {error.cause}", error.hint and f"try:   {error.hint}"]
    print("\n".join(line for line in lines if line), file=sys.stderr)


def translate(error: BaseException) -> CommandError | None:
    """The command error of an exception that is no bug; None for everything that is one."""
    if isinstance(error, CommandError):
        return error
    return _translate_call(error) or _translate_state(error) or _translate_queue(error)


def _translate_call(error: BaseException) -> CommandError | None:
    from config.catalog import UnknownTask
    from config.errors import PortTaken, SettingsError

    if isinstance(error, SettingsError):
        what = "the environment is not ready:\n  " + "\n  ".join(error.problems)
        return CommandError(what, hint="signalbox up --demo needs no settings", code=ExitCode.NOT_READY)
    if isinstance(error, UnknownTask):
        return CommandError(str(error), hint="signalbox tasks", code=ExitCode.USAGE)
    if isinstance(error, PortTaken):
        return CommandError(str(error.strerror), hint=f"{error.chosen_by} chooses another")
    if isinstance(error, OSError) and error.errno in _REFUSED_FILES and error.filename:
        return CommandError(f"{error.filename}: {error.strerror}", hint=_REFUSED_FILES[error.errno])
    return None


def _translate_state(error: BaseException) -> CommandError | None:
    from peewee import InterfaceError, OperationalError

    from models.migrate import SchemaError

    if isinstance(error, SchemaError):
        return CommandError(str(error), hint="signalbox migrate --check", code=ExitCode.NOT_READY)
    if isinstance(error, (OperationalError, InterfaceError)):
        return CommandError(
            "the database does not answer", cause=_first_line(error), hint="signalbox doctor", code=ExitCode.NOT_READY
        )
    return None


def _translate_queue(error: BaseException) -> CommandError | None:
    from dramatiq.errors import BrokerError

    from worker.embedded import DatabaseInUse

    if isinstance(error, DatabaseInUse):
        return CommandError(str(error), code=ExitCode.LOCKED)
    if isinstance(error, BrokerError):
        return CommandError(
            "the broker does not answer", cause=_first_line(error), hint="signalbox doctor", code=ExitCode.NOT_READY
        )
    return None


def _first_line(error: BaseException) -> str:
    from config.logs import redact

    return redact(str(error).strip().partition("\n")[0]) or type(error).__name__
