"""Whole batches as one statement: arrays on PostgreSQL, one JSON document on SQLite, the text never depends on size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import orjson

from models.database import db, fetch, is_postgres, pg_array, pg_text_array
from models.fields import instant_text

Values = Sequence[Any]
_TYPES = {
    "uuid": "uuid",
    "day": "date",
    "instant": "timestamptz",
    "int": "bigint",
    "bool": "boolean",
    "text": "text",
    "json": "jsonb",
    "inet": "inet",
    "cidr": "cidr",
}
_QUOTED = frozenset({"text", "json"})
_MEMBER = re.compile(r"\{in:(\w+)\}")
_MICROSECONDS = re.compile(r"\{us:([\w.]+)\}")
# the fraction is read apart, because SQLite rounds it to milliseconds
_SQLITE_MICROSECONDS = r"(unixepoch(substr(\1, 1, 19)) * 1000000 + cast(substr(\1, 21, 6) as integer))"


class Rows:
    """The columns of a batch, written `name kind, name kind`; kinds are the keys of `_TYPES`.

    In a statement `{rows}` becomes a FROM item called `v` with these columns.
    """

    def __init__(self, columns: str) -> None:
        pairs = [column.split() for column in columns.split(",")]
        self.names = [name for name, _ in pairs]
        self.kinds = [kind for _, kind in pairs]
        self._statements: dict[tuple[str, bool], str] = {}

    def run(self, template: str, rows: Sequence[Values], *, before: Values = (), after: Values = ()) -> int:
        """Run a statement over the rows, with the parameters that stand before and after them; rows touched."""
        return int(self._execute(template, rows, before, after).rowcount)

    def fetch(
        self, template: str, rows: Sequence[Values], *, before: Values = (), after: Values = ()
    ) -> list[tuple[Any, ...]]:
        """The rows that such a statement returns."""
        return list(self._execute(template, rows, before, after).fetchall())

    def _execute(self, template: str, rows: Sequence[Values], before: Values, after: Values) -> Any:
        parameters = (*before, *self._parameters(rows), *after)
        return db.execute_sql(self._statement(template), parameters)

    def _statement(self, template: str) -> str:
        key = template, is_postgres()
        if key not in self._statements:
            source = self._arrays() if key[1] else self._document()
            self._statements[key] = _statement(template.replace("{rows}", source))
        return self._statements[key]

    def _arrays(self) -> str:
        arrays = ", ".join(f"%s::{_TYPES[kind]}[]" for kind in self.kinds)
        return f"unnest({arrays}) as v ({', '.join(self.names)})"

    def _document(self) -> str:
        columns = ", ".join(f"json_extract(value, '$[{place}]') as {name}" for place, name in enumerate(self.names))
        return f"(select {columns} from json_each(%s)) as v"  # noqa: S608  the names are constants of the program

    def _parameters(self, rows: Sequence[Values]) -> list[str]:
        if not is_postgres():
            return [_json_text(rows)]
        columns = zip(*rows, strict=True) if rows else [()] * len(self.kinds)
        return [
            pg_text_array(column) if kind in _QUOTED else pg_array(column)
            for kind, column in zip(self.kinds, columns, strict=True)
        ]


def among(values: Iterable[object]) -> str:
    """The parameter of one `{in:kind}` of a statement."""
    return pg_array(values) if is_postgres() else orjson.dumps(list(values), default=str).decode()


def read(template: str, params: Values = ()) -> list[tuple[Any, ...]]:
    """The rows of a statement in which `{in:kind}` means "is one of these" (see `among`).

    `{us:column}` is an instant as microseconds since 1970, `{instant}` an instant that may be null.
    """
    return fetch(_statement(template), params)


def run(template: str, params: Values = ()) -> int:
    """Run such a statement; the number of rows touched."""
    return int(db.execute_sql(_statement(template), params or None).rowcount)


def _statement(template: str) -> str:
    return _for_postgres(template) if is_postgres() else _for_sqlite(template)


@lru_cache(maxsize=256)
def _for_postgres(template: str) -> str:
    text = _MICROSECONDS.sub(r"(extract(epoch from \1) * 1000000)::bigint", template)
    text = text.replace("{instant}", "%s::timestamptz")
    return _MEMBER.sub(lambda match: f"= any(%s::{_TYPES[match[1]]}[])", text)


@lru_cache(maxsize=256)
def _for_sqlite(template: str) -> str:
    text = _MICROSECONDS.sub(_SQLITE_MICROSECONDS, template).replace("{instant}", "%s")
    return _MEMBER.sub("in (select value from json_each(%s))", text).replace("%s", "?")


def _json_text(rows: Sequence[Values]) -> str:
    try:
        return orjson.dumps(rows, default=_json_value, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError("a row holds what cannot be stored") from error


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
