"""Setting prices: exact numbers, never into a past that was paid already, never twice from one instant."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from config.clock import now
from models import audit, prices
from models.database import db
from models.fields import decimal_text, micros
from models.prices import PriceRow, Scope

MOST = 1_000_000_000_000
"""A million units of currency for one click: whoever types more has slipped."""


class BadPrice(ValueError):
    """A price that cannot be set; the text names the option and the remedy."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a click pays: a fixed cost, or basis points of the charge between floor and cap, in micro-units."""

    fixed: int | None = None
    percent_bp: int | None = None
    floor: int | None = None
    cap: int | None = None

    @property
    def kind(self) -> str:
        """As stored."""
        return "fixed" if self.percent_bp is None else "floating"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A price to be set. Without `since` it counts from now; `fill_gap` allows a past in which there was no price."""

    login: str
    terms: Terms
    informer_id: int | None = None
    since: datetime | None = None
    fill_gap: bool = False


def terms(
    *, fixed: str | None = None, percent: str | None = None, floor: str | None = None, cap: str | None = None
) -> Terms:
    """Terms as people write them; raises BadPrice."""
    if (fixed is None) == (percent is None):
        raise BadPrice("give either --fixed or --percent")
    if fixed is not None:
        if floor is not None or cap is not None:
            raise BadPrice("--floor and --cap go with --percent; a fixed price needs neither")
        return Terms(fixed=_money("--fixed", fixed))
    return Terms(
        percent_bp=basis_points(percent or ""),
        floor=None if floor is None else _money("--floor", floor),
        cap=None if cap is None else _money("--cap", cap),
    )


def basis_points(text: str) -> int:
    """Percent above 0 and up to 100 with at most two decimals, exactly, in basis points; raises BadPrice."""
    try:
        scaled = Decimal(text.strip().removesuffix("%")) * 100
    except InvalidOperation:
        raise BadPrice("--percent: write a number such as 57 or 57.5") from None
    if not scaled.is_finite() or not 0 < scaled <= 10_000:
        raise BadPrice("--percent: must be above 0 and at most 100")
    if scaled != scaled.to_integral_value():
        raise BadPrice("--percent: at most two decimals, such as 57.25")
    return int(scaled)


def _money(option: str, text: str) -> int:
    try:
        amount = micros(text.strip())
    except ValueError as error:
        raise BadPrice(f"{option}: {error}; write an amount such as 0.03") from None
    if not 0 <= amount <= MOST:
        raise BadPrice(f"{option}: must be between 0 and {decimal_text(MOST)}")
    return amount


def warnings(wanted: Terms) -> list[str]:
    """What is allowed and probably not meant."""
    found = []
    if wanted.floor is not None and wanted.cap is not None and wanted.floor > wanted.cap:
        found.append("the floor is above the cap; the floor wins, so every click pays the floor")
    if 0 in (wanted.fixed, wanted.cap) and not wanted.floor:
        found.append("clicks are recorded and pay nothing at this price")
    return found


def preview(wanted: Wanted) -> datetime:
    """Check everything and change nothing; the instant from which the price would count. Raises BadPrice."""
    return _checked(wanted)[1]


def set_price(wanted: Wanted, by: str) -> datetime:
    """Add the price and its audit row; the instant from which it counts. Raises BadPrice."""
    with db.atomic():
        scope, since = _checked(wanted)
        _record(wanted, since, by)
        given = wanted.terms
        numbers = (given.fixed or 0, given.percent_bp, given.floor, given.cap)
        if not prices.add(scope, given.kind, numbers, since, by):
            raise BadPrice(f"--from: there is a price from {since.isoformat()} already; prices are never changed")
        return since


def listed(login: str = "", at: datetime | None = None) -> list[PriceRow]:
    """All prices, or those in force at an instant; raises BadPrice for an unknown login."""
    if login:
        _account(login)
    return prices.in_force(at, login) if at else prices.history(login)


def _checked(wanted: Wanted) -> tuple[Scope, datetime]:
    account_id = _account(wanted.login)
    if wanted.informer_id is not None and not prices.owns(account_id, wanted.informer_id):
        raise BadPrice(f"--informer: {wanted.login} has no informer {wanted.informer_id}")
    scope = Scope(account_id, wanted.informer_id)
    at = now()
    since = wanted.since or at
    if since < at:
        _check_past(scope, since, wanted.fill_gap)
    return scope, since


def _check_past(scope: Scope, since: datetime, fill_gap: bool) -> None:
    if not fill_gap:
        raise BadPrice(
            "--from: lies in the past, where clicks were paid already and late ones would be paid otherwise; "
            "leave it out, and correct the past by an adjustment (--fill-gap where there was no price at all)"
        )
    if prices.covered(scope, since):
        raise BadPrice("--fill-gap: there was a price at that time already; correct the past by an adjustment")


def _account(login: str) -> int:
    account_id = prices.account_of(login)
    if account_id is None:
        raise BadPrice(f"--account: there is no account {login}; see signalbox accounts list")
    return account_id


def _record(wanted: Wanted, since: datetime, by: str) -> None:
    audit.record(
        actor_kind="user", actor=by, action="price.set", object=f"account:{_account(wanted.login)}",
        after={"informer": wanted.informer_id, "from": since.isoformat(), **asdict(wanted.terms)},
    )  # fmt: skip
