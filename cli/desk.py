"""What commands about money share: who acts and in what role, the broker beside the database, typed refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from core.ads.persons import Person

Result = TypeVar("Result")


class RoleName(StrEnum):
    """The roles of the books, here so that they are offered without loading anything."""

    OPERATOR = "operator"
    FINANCE = "finance"


Role = Annotated[RoleName | None, typer.Option("--role", help="The role you act in.")]
By = Annotated[str, typer.Option("--by", help="Who acts; your login name if not given, which is recorded either way.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]


def person(role: RoleName | None, by: str) -> Person:
    """Who acts. The name may be given, for several people share a terminal; the login of the terminal is kept too."""
    from cli.session import operator
    from core.ads import persons

    login = operator()
    acts_as = None if role is None else persons.Role(role.value)
    return persons.Person(by.strip() or login, acts_as, request_id=f"terminal:{login}")


@contextmanager
def messages() -> Iterator[None]:
    """The database and a broker, so that mail can follow from what is done."""
    from cli.session import database
    from config import logs
    from worker.broker import load_actors, make_broker

    with database() as settings:
        logs.configure(settings)  # an unreachable broker is talk, and must not end up among the data
        broker = make_broker(settings, "worker")
        load_actors()
        try:
            yield
        finally:
            broker.close()


def checked(work: Callable[[], Result], *, dry_run: bool = False) -> Result:
    """Do it, or for a dry run do it and take it back; refusals become errors with exit codes."""
    from core.ads.ledger import Refused
    from core.ads.payout_methods import BadDetails
    from core.ads.payout_rules import Conflict
    from core.ads.persons import Forbidden
    from core.ads.sealing import SealBroken, SealUnavailable
    from models.accounts import NoAccount

    try:
        return _rehearsed(work) if dry_run else work()
    except (SealBroken, SealUnavailable) as error:
        raise CommandError(str(error), hint="docs/configuration.md, DATA_KEYS", code=ExitCode.NOT_READY) from error
    except (Refused, BadDetails) as error:
        raise CommandError(f"refused: {error}", cause="nothing was changed", code=ExitCode.USAGE) from error
    except Forbidden as error:
        raise CommandError(f"not allowed: {error}", hint="add --role operator or --role finance") from error
    except NoAccount as error:
        raise CommandError(str(error), hint="signalbox accounts list") from error
    except (Conflict, LookupError) as error:
        raise CommandError(str(error), hint="signalbox payouts list") from error


def _rehearsed(work: Callable[[], Result]) -> Result:
    from models.database import db

    with db.atomic() as transaction:
        result = work()
        transaction.rollback()
    return result
