"""Everything that is stored about one click, for its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from models import archive
from models.ads import Click, ClickError, ClickPrice, ClickRejected, ClickRules
from models.archive import ArchiveState
from models.archive_tables import named
from models.database import db, fetch, is_postgres
from models.fields import bind

_VERSION_WITH_TIME = 7
_KEPT = "select * from {place} where click_day = %s and click_id = %s"


@dataclass(frozen=True, slots=True)
class Trace:
    """The rows of one click; `rules` are the limits of the moment it was decided.

    `archived` means that the click itself has left the live tables.
    """

    click: Any | None
    rejected: Any | None
    error: Any | None
    rules: dict[str, Any]
    price: Any | None
    archived: bool = False


def find(click_id: UUID) -> Trace:
    """The rows of a click in whatever store."""
    first, last = _days(click_id)
    click, rejected, error = (_row(model, click_id, first, last) for model in (Click, ClickRejected, ClickError))
    kept = None if click or rejected else _archived("click", Click, click_id, first, last)
    error = error or (None if rejected else _archived("click_error", ClickError, click_id, first, last))
    click = click or kept
    rules_id = click.rules_id if click else (rejected.detail.get("rules_id") if rejected else None)
    rules = ClickRules.get_or_none(ClickRules.id == rules_id) if rules_id else None
    price = ClickPrice.get_or_none(ClickPrice.id == click.price_id) if click and click.price_id else None
    return Trace(click, rejected, error, rules.rules if rules else {}, price, kept is not None)


def latest() -> UUID | None:
    """The id of the click that was made last, whatever became of it; None when there is none."""
    newest = [
        row.click_id
        for model in (Click, ClickRejected, ClickError)
        for row in model.select(model.click_id).order_by(model.click_day.desc(), model.click_id.desc()).limit(1)
    ]
    return max(newest, default=None)


def _days(click_id: UUID) -> tuple[date, date]:
    """The days around the instant that the id was made; all days for ids from elsewhere."""
    if click_id.version != _VERSION_WITH_TIME:
        return date(1970, 1, 1), date(9999, 12, 31)
    made = datetime.fromtimestamp((click_id.int >> 80) / 1000, UTC).date()
    return made - timedelta(days=1), made + timedelta(days=1)


def _row(model: Any, click_id: UUID, first: date, last: date) -> Any | None:
    return model.get_or_none((model.click_id == click_id) & (model.click_day >= first) & (model.click_day <= last))


def _archived(table: str, model: Any, click_id: UUID, first: date, last: date) -> Any | None:
    """The row in the archive, with the columns that it had when its day left."""
    days = [day for day in archive.days_in(table, (ArchiveState.ARCHIVED,)) if first <= day <= last]
    store = archive.store()
    with store.reading():
        for day in sorted(days):
            cursor = db.execute_sql(_kept(store.place(table, day)), (bind(day), str(click_id)))
            if row := cursor.fetchone():
                return _of(model, dict(zip((column[0] for column in cursor.description), row, strict=True)))
    return None


def _kept(place: str) -> str:
    query = named(_KEPT, place=place)
    return query if is_postgres() else query.replace("%s", "?")


def _of(model: Any, values: dict[str, Any]) -> Any:
    fields = {field.column_name: field for field in model._meta.sorted_fields}
    return model(
        **{fields[name].name: fields[name].python_value(value) for name, value in values.items() if name in fields}
    )


def names(offer_id: int | None, informer_id: int | None) -> tuple[str | None, str | None]:
    """Title of an offer and title of an informer."""
    offer = fetch("select title from offer where id = %s", (offer_id,))
    informer = fetch("select title from informer where id = %s", (informer_id,))
    return (offer[0][0] if offer else None), (informer[0][0] if informer else None)
