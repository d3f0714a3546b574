"""What is set for every outside service alike: whether it is used, and how long it is waited for."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from config.sections import Section

LONGEST = 30.0


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
    """Outside services: how long each is waited for."""

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
