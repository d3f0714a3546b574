"""The words of our mails about payouts: plain text, one wording per event and payout method, numbers masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.fields import decimal_text
from models.mail import Subject


class Template(StrEnum):
    """What a mail tells."""

    CONFIRM = "payout_confirm"
    AGREED = "payout_agreed"
    PAID = "payout_paid"
    DECLINED = "payout_declined"
    EXPIRED = "payout_expired"
    CANCELLED = "payout_cancelled"


STATES = {
    Template.CONFIRM: "pending_confirmation",
    Template.AGREED: "agreed",
    Template.PAID: "paid",
    Template.DECLINED: "declined",
    Template.EXPIRED: "declined",
    Template.CANCELLED: "cancelled",
}
"""The state in which a payout still is what the mail says; a mail that comes too late is not sent."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a payout method is spoken of; `number` is the field of the details that holds its number."""

    name: str
    number: str
    arrives: str


_WALLET = "The money is in the purse as soon as WebMoney has moved it, usually at once."
_CARD = "Banks take up to five working days to show it on the card."
METHODS = {
    "webmoney_z": Method("to your WebMoney purse (WMZ)", "purse", _WALLET),
    "webmoney_r": Method("to your WebMoney purse (WMR)", "purse", _WALLET),
    "webmoney_u": Method("to your WebMoney purse (WMU)", "purse", _WALLET),
    "card": Method("to your bank card", "number", _CARD),
    "card_pb_ua": Method("to your PrivatBank card in UAH", "number", _CARD),
    "card_pb_us": Method("to your PrivatBank card in USD", "number", _CARD),
    "factura": Method("to your bank account, against your invoice", "", "Transfers take up to five working days."),
    "yandex": Method("to your Yandex wallet", "wallet", "The money is in the wallet at once."),
    "cash": Method("in cash, for the phone number", "phone", "Bring a document that shows who you are."),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's subject and text."""

    subject: str
    text: str


def compose(template: Template, about: Subject, details: Mapping[str, object], link: str = "") -> Letter:
    """The letter of an event; `details` are the unsealed payout details, `link` is where a payout is confirmed."""
    amount = f"{decimal_text(about.amount)} {about.currency}"
    title, body = _BODIES[template](about, amount, destination(about.method, details), link)
    text = f"Hello {_plain(about.login)},\n\n{body}\n\nPayout {about.request_id}\n"
    return Letter(f"{title}: {amount}", text)


def destination(method: str, details: Mapping[str, object]) -> str:
    """Where the money goes, in words, with no more of its number than the last four characters."""
    known = METHODS.get(method, Method(f"by {_plain(method)}", "", ""))
    number = str(details.get(known.number, ""))
    return f"{known.name} {masked(number)}" if number else known.name


def masked(number: str) -> str:
    """The last four characters of a number behind stars; of a short one nothing."""
    digits = "".join(number.split())
    return f"**** {digits[-4:]}" if len(digits) > 7 else "****"


def _confirm(about: Subject, amount: str, to: str, link: str) -> tuple[str, str]:
    return "Please confirm your payout", (
        f"You asked for a payout of {amount} {to}.\n\n"
        f"Please open this page and press the button there before {about.confirm_expires_at:%Y-%m-%d %H:%M} UTC:\n\n"
        f"{link}\n\n"
        "Without it nothing is paid: the request ends then, and the money stays on your balance. If you did not ask\n"
        "for this payout, do not press the button, and tell your manager."
    )


def _agreed(about: Subject, amount: str, to: str, link: str) -> tuple[str, str]:
    return "Your payout was agreed", (
        f"Your payout of {amount} {to} was agreed and is being paid. We write again once the money is sent."
    )


def _paid(about: Subject, amount: str, to: str, link: str) -> tuple[str, str]:
    code = (
        "\n\nThis payment has a protection code. Your manager can show it to you, once only." if about.has_code else ""
    )
    arrives = METHODS[about.method].arrives if about.method in METHODS else ""
    return "Your payout was paid", (
        f"We paid {amount} {to}.\nReference of the payment: {_plain(about.external_ref)}\n\n{arrives}".rstrip() + code
    )


def _declined(about: Subject, amount: str, to: str, link: str) -> tuple[str, str]:
    return "Your payout was declined", (
        f"Your payout of {amount} {to} was declined.\nReason: {_plain(about.reason)}\n\n"
        "The money is back on your balance, and you can ask for a new payout at any time."
    )


def _expired(about: Subject, amount: str, to: str, link: str) -> tuple[str, str]:
    return "Your payout was not confirmed in time", (
        f"Your payout of {amount} {to} was not confirmed before "
        f"{about.confirm_expires_at:%Y-%m-%d %H:%M} UTC, so the request has ended.\n\n"
        "The money is back on your balance, and you can ask for a new payout at any time."
    )


def _cancelled(about: Subject, amount: str, to: str, link: str) -> tuple[str, str]:
    return "Your payout was cancelled", (
        f"Your payout of {amount} {to} was cancelled. The money is back on your balance.\n\n"
        "A payout is cancelled when you ask for it, and when the address or the payout details of the account change.\n"
        "If neither was you, tell your manager."
    )


def _plain(text: str) -> str:
    """One line, whatever somebody typed."""
    return " ".join(text.split())


_BODIES = {
    Template.CONFIRM: _confirm,
    Template.AGREED: _agreed,
    Template.PAID: _paid,
    Template.DECLINED: _declined,
    Template.EXPIRED: _expired,
    Template.CANCELLED: _cancelled,
}
