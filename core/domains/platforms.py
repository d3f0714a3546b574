"""The accounts at Voluum and Affise, one client per process, paced together with every other process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from config.clock import now
from config.services import why_missing
from config.settings import Settings, get_settings
from integrations.affise import READ_BURST, READ_RATE, WRITE_BURST, WRITE_RATE, Affise
from integrations.affise_dry import DryAffise
from integrations.errors import RateLimited, Unavailable
from integrations.voluum import BURST, RATE, Voluum
from integrations.voluum_dry import DryVoluum
from models import rate_buckets
from models.rate_buckets import Exhausted, Limit

_NO_TENANT = "no account is set; set AFFISE_BASE_URL and AFFISE_API_KEY"
VOLUUM = Limit("voluum", RATE, BURST)
AFFISE_READS = Limit("affise:reads", READ_RATE, READ_BURST)
AFFISE_WRITES = Limit("affise:writes", WRITE_RATE, WRITE_BURST)


@dataclass(frozen=True, slots=True)
class SharedPace:
    """A limit whose tokens are a row, so that processes keep it together."""

    limit: Limit

    def take(self) -> None:
        """Use one call; raises RateLimited with the seconds until there is one."""
        try:
            rate_buckets.take([self.limit], now())
        except Exhausted as error:
            raise RateLimited(f"{self.limit.name}: own rate limit", retry_after=error.seconds, sent=False) from None

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long; the service answered 429."""
        rate_buckets.hold(self.limit, now() + timedelta(seconds=seconds))


def voluum() -> Voluum | None:
    """The account at Voluum; None when none is set."""
    return _voluum(get_settings())


def affise() -> Affise | None:
    """The tenant at Affise; None when none is set."""
    return _affise(get_settings())


def no_tenant() -> Unavailable:
    """What work at Affise ends in where none is set: perhaps there is one later."""
    return Unavailable(f"affise: {why_missing(get_settings(), 'affise', _NO_TENANT)}")


@lru_cache(maxsize=1)
def _voluum(settings: Settings) -> Voluum | None:
    kind = DryVoluum if settings.voluum_dry_run else Voluum
    return kind.from_settings(settings, SharedPace(VOLUUM))


@lru_cache(maxsize=1)
def _affise(settings: Settings) -> Affise | None:
    kind = DryAffise if settings.affise_dry_run else Affise
    return kind.from_settings(settings, (SharedPace(AFFISE_READS), SharedPace(AFFISE_WRITES)))
