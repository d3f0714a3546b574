"""The ways a publisher can be paid: the fields each one needs, how they are checked, and how they are shown masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.clock import today

Details = dict[str, str]
Check = Callable[[str], str]
DEFAULT = "webmoney_z"
TEXT_LENGTH = 100


class BadDetails(ValueError):
    """A field of payout details is wrong; names the field and the remedy and never repeats the value."""

    def __init__(self, field: str, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}")
        self.field, self.remedy = field, remedy


@dataclass(frozen=True, slots=True)
class Method:
    """A way to be paid: its fields with their checks, the one shown masked, and what the method itself fixes."""

    name: str
    title: str
    fields: Mapping[str, Check]
    shown: str
    currency: str | None = None
    fixed: Mapping[str, str] | None = None
    forgotten: str | None = None
    """The field that is dropped once the payout is paid."""


def check(method: str, values: Mapping[str, str]) -> Details:
    """The details of a method, checked and in their plain form; raises BadDetails."""
    chosen = find(method)
    fixed = chosen.fixed or {}
    for name in values:
        if name not in chosen.fields:
            raise BadDetails("fields", f"{chosen.name} takes {', '.join(chosen.fields)}; leave the others out")
    return {**{name: _checked(name, rule, values.get(name, "")) for name, rule in chosen.fields.items()}, **fixed}


def find(name: str) -> Method:
    """The method of a name; raises BadDetails."""
    if name not in METHODS:
        raise BadDetails("method", f"choose one of {', '.join(METHODS)}")
    return METHODS[name]


def masked(method: str, details: Mapping[str, str]) -> str:
    """Where the money goes, recognisable to its owner only: all but the last four characters hidden."""
    value = details.get(find(method).shown, "")
    return "•" * max(0, len(value) - 4) + value[-4:] if len(value) > 4 else "•" * len(value)


def after_payment(method: str, details: Mapping[str, str]) -> Details:
    """The details without what must not be kept once the money has gone."""
    return {name: value for name, value in details.items() if name != find(method).forgotten}


def _checked(name: str, rule: Check, value: str) -> str:
    if not value.strip():
        raise BadDetails(name, "is missing")
    try:
        return rule(value.strip())
    except ValueError as error:
        raise BadDetails(name, str(error)) from None


def _pattern(pattern: str, remedy: str, ignored: str = " -") -> Check:
    form = re.compile(pattern, re.ASCII)

    def check_form(value: str) -> str:
        plain = value.translate({ord(character): None for character in ignored})
        if not form.fullmatch(plain):
            raise ValueError(remedy)
        return plain

    return check_form


def _text(value: str) -> str:
    if len(value) > TEXT_LENGTH or not value.isprintable():
        raise ValueError(f"write up to {TEXT_LENGTH} characters on one line")
    return value


def _file_name(value: str) -> str:
    if "/" in value or "\\" in value or not re.fullmatch(r"[^.].*\.(pdf|jpe?g|png)", _text(value), re.IGNORECASE):
        raise ValueError("give the name of a pdf, jpg or png file, without folders")
    return value


def _expiry(value: str) -> str:
    found = re.fullmatch(r"(0[1-9]|1[0-2])/(?:20)?(\d\d)", value, re.ASCII)
    if not found:
        raise ValueError("write month and year as MM/YY")
    month, year = int(found[1]), 2000 + int(found[2])
    if (year, month) < (today().year, today().month):
        raise ValueError("this card has expired; give another one")
    return f"{month:02d}/{year % 100:02d}"


_PHONE = _pattern(r"\+?[0-9]{7,15}", "write 7 to 15 digits, with a plus and the country code first", " -()")
_WEBMONEY_ID = _pattern(r"[0-9]{12}", "write the 12 digits of the WebMoney id")
_CURRENCY = _pattern(r"[A-Z]{3}", "write the three capital letters of the currency, such as USD")
_CARD: dict[str, Check] = {
    "number": _pattern(r"[0-9]{16}", "write the 16 digits of the card"),
    "holder": _text,
    "expiry": _expiry,
    "bank": _text,
    "bank_code": _pattern(r"[0-9]{6}", "write the 6 digits of the bank code"),
    "company_code": _text,
    "transit_account": _text,
    "type": _text,
    "currency": _CURRENCY,
    "phone": _PHONE,
}
_FIXED_CARD = {name: rule for name, rule in _CARD.items() if name not in ("bank", "currency")}
_BANK = "PrivatBank"


def _webmoney(letter: str) -> Method:
    purse = _pattern(f"[{letter}{letter.lower()}][0-9]{{12}}", f"write {letter} and the 12 digits of the purse")
    fields: dict[str, Check] = {"wmid": _WEBMONEY_ID, "purse": lambda value: purse(value).upper(), "phone": _PHONE}
    return Method(f"webmoney_{letter.lower()}", f"WebMoney {letter}", fields, "purse")


def _bank_card(name: str, currency: str) -> Method:
    fixed = {"bank": _BANK, "currency": currency}
    return Method(name, f"{_BANK} card, {currency}", _FIXED_CARD, "number", currency, fixed, "expiry")


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        _webmoney("Z"),
        _webmoney("R"),
        _webmoney("U"),
        Method("card", "Bank card", _CARD, "number", forgotten="expiry"),
        _bank_card("card_pb_ua", "UAH"),
        _bank_card("card_pb_us", "USD"),
        Method("factura", "Invoice", {"invoice_file": _file_name, "contact": _text, "phone": _PHONE}, "phone"),
        Method("yandex", "Yandex", {"wallet": _pattern(r"[0-9]{1,20}", "write up to 20 digits")}, "wallet"),
        Method("cash", "Cash", {"phone": _PHONE}, "phone"),
    )
}
