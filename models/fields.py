"""Columns that mean the same on PostgreSQL and SQLite: aware instants, exact money, UUIDs, addresses, enums, JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from peewee import BigIntegerField, Field, TextField

from models.engine import is_postgres

MICROS = 1_000_000
_MOST_DIGITS = 12


def instant_text(value: datetime) -> str:
    """Fixed-format ISO text with microseconds, so that text order is time order; refuses a naive value."""
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone; use config.clock.now()")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(value: datetime | str) -> datetime:
    """The aware UTC instant of a database value of either engine."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value.astimezone(UTC)


def day(value: date | str) -> date:
    """The date of a database value of either engine."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def bind(value: Any) -> Any:
    """A Python value as a parameter of a raw statement on the current engine."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    if isinstance(value, UUID):
        return str(value)
    if is_postgres():
        return value
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


class UtcDateTime(Field):
    """An aware instant in UTC with microseconds: timestamptz, or text that sorts by time."""

    field_type = "TIMESTAMPTZ"

    def db_value(self, value: datetime | None) -> Any:
        if value is None:
            return None
        text = instant_text(value)
        return value if is_postgres() else text

    def python_value(self, value: Any) -> datetime | None:
        return None if value is None else instant(value)


class Day(Field):
    """A calendar date."""

    field_type = "DATE"

    def db_value(self, value: date | None) -> Any:
        return None if value is None else bind(value)

    def python_value(self, value: Any) -> date | None:
        return None if value is None else day(value)


class Micros(BigIntegerField):
    """Money in integer micro-units (1e-6 of the settlement currency); a float is refused."""

    def db_value(self, value: int | None) -> int | None:
        if value is not None and type(value) is not int:
            raise TypeError("money is an integer number of micro-units")
        return value


class Uuid(Field):
    """A UUID: native on PostgreSQL, canonical text on SQLite."""

    field_type = "UUID"

    def db_value(self, value: UUID | str | None) -> str | None:
        return None if value is None else str(value)

    def python_value(self, value: Any) -> UUID | None:
        return None if value is None else value if isinstance(value, UUID) else UUID(value)


class Address(TextField):
    """An address (inet), canonical text on SQLite."""

    field_type = "INET"


class NetworkField(TextField):
    """A network (cidr), canonical text on SQLite."""

    field_type = "CIDR"


class Json(Field):
    """A JSON document: jsonb, or text."""

    field_type = "JSON"

    def db_value(self, value: Any) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def python_value(self, value: Any) -> Any:
        return orjson.loads(value) if isinstance(value, (str, bytes)) else value


class EnumText(TextField):
    """One value of a StrEnum, stored as its text."""

    def __init__(self, kind: type[StrEnum], **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def db_value(self, value: str | None) -> str | None:
        return None if value is None else self.kind(value).value

    def python_value(self, value: Any) -> StrEnum | None:
        return None if value is None else self.kind(value)


def micros(text: str) -> int:
    """Exact micro-units of a decimal text; ValueError for what no column holds, or anything but a finite number."""
    scaled = _decimal(text) * MICROS
    if scaled != scaled.to_integral_value():
        raise ValueError("money has at most six decimals")
    return int(scaled)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except ArithmeticError as error:
        raise ValueError("not a decimal number") from error
    if not value.is_finite():
        raise ValueError("not a finite number")
    if value.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"money has at most {_MOST_DIGITS} digits before the point")
    return value


def decimal_text(amount: int) -> str:
    """Micro-units as a decimal with at least two places and none that say nothing."""
    whole, part = divmod(abs(amount), MICROS)
    digits = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}{whole}.{digits}"
