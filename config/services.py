"""What is set for every outside service alike: whether it is used, written to, and how long it is waited for."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from config.sections import Section

LONGEST = 30.0
SERVICES = {
    "voluum": ("voluum_access_id", "voluum_access_key"),
    "affise": ("affise_api_key",),
    "gsc": ("gsc_service_account",),
    "safe_browsing": ("safe_browsing_provider",),
    "rdap": (),
    "safety_checker": ("safety_checker_url",),
    "telegram": (
        "telegram_bot_token", "telegram_chat_id", "telegram_mode", "telegram_webhook_url", "telegram_webhook_secret",
    ),
}  # fmt: skip
"""By service: the settings without which it is as good as not there."""
_OFF = frozenset({"0", "off", "f", "false", "n", "no"})


class Timeout(NamedTuple):
    """Seconds to connect, and seconds of silence until an answer is given up."""

    connect: float
    read: float

    def __str__(self) -> str:
        return f"{self.connect:g},{self.read:g}"


def timeout(value: object) -> object:
    """The pair that a text like `5,30` stands for."""
    try:
        found = Timeout(*map(float, value.split(","))) if isinstance(value, str) else value
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, tuple) or not all(0 < seconds <= LONGEST for seconds in found):
        raise ValueError(f"must be seconds as connect,read, each above 0 and at most {LONGEST:g}, for example 5,30")
    return found


Waits = Annotated[Timeout, NoDecode, BeforeValidator(timeout)]


class ServicesSettings(Section):
    """Outside services: whether each is used, whether it is written to, and how long it is waited for."""

    voluum_enabled: bool = Field(True, description="whether Voluum is used; false = as if it had no key")
    affise_enabled: bool = Field(True, description="whether Affise is used; false = as if it had no key")
    gsc_enabled: bool = Field(True, description="whether Search Console is used; false = as if it had no key")
    safe_browsing_enabled: bool = Field(
        True, description="whether Safe Browsing or Web Risk is used; false = as if no provider were set"
    )
    rdap_enabled: bool = Field(
        True, description="whether registries are asked; false = nothing new is known of registrations"
    )
    safety_checker_enabled: bool = Field(
        True, description="whether the outside checker is asked; false = the built-in one answers"
    )
    telegram_enabled: bool = Field(True, description="whether Telegram is used; false = as if there were no bot")
    voluum_dry_run: bool = Field(False, description="whether writes to Voluum are only logged, and answered as done")
    affise_dry_run: bool = Field(False, description="whether writes to Affise are only logged, and answered as done")
    telegram_dry_run: bool = Field(
        False, description="whether messages to Telegram are only logged, by their length, and answered as sent"
    )
    voluum_timeout: Waits = Field(Timeout(5, 30), description="Voluum: seconds to connect,read")
    affise_timeout: Waits = Field(Timeout(5, 30), description="Affise: seconds to connect,read")
    gsc_timeout: Waits = Field(Timeout(5, 30), description="Search Console: seconds to connect,read; 15 s in all")
    safe_browsing_timeout: Waits = Field(
        Timeout(3, 5), description="Safe Browsing and Web Risk: seconds to connect,read; 8 s in all"
    )
    rdap_timeout: Waits = Field(Timeout(5, 15), description="registries: seconds to connect,read; 20 s in all")
    safety_checker_timeout: Waits = Field(
        Timeout(3, 10), description="the outside checker: seconds to connect,read; 15 s in all"
    )
    telegram_timeout: Waits = Field(Timeout(5, 15), description="Telegram: seconds to connect,read; 30 s in all")


def without_switched_off(values: dict[str, object]) -> dict[str, object]:
    """The values without those of services that are switched off, so that everybody finds them not configured."""
    gone = {name for service, needs in SERVICES.items() if _is_off(values.get(f"{service}_enabled")) for name in needs}
    return {name: value for name, value in values.items() if name not in gone}


def _is_off(value: object) -> bool:
    return value is not None and str(value).lower() in _OFF


def why_missing(settings: ServicesSettings, service: str, otherwise: str) -> str:
    """Why a service is not there: it is switched off, or else."""
    return otherwise if getattr(settings, f"{service}_enabled") else f"switched off by {service.upper()}_ENABLED"
