"""Who acts on the books, and what a role allows; every door (command line, console, page) names a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do: an operator agrees and declines, finance also moves money."""

    OPERATOR = "operator"
    FINANCE = "finance"


class Forbidden(PermissionError):
    """This person may not do this; the text says what is needed."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, as the audit log names them; a publisher acts without a role."""

    name: str
    role: Role | None = None
    kind: str = "user"
    ip: str | None = None
    request_id: str | None = None


def require(by: Person, *roles: Role) -> None:
    """Raise Forbidden unless the person has one of the roles."""
    if by.role not in roles:
        raise Forbidden(f"this needs the role {' or '.join(roles)}; {by.name} acts with {by.role or 'none'}")
