"""The traffic report: which informers' clicks look unlike people, most suspicious first, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.ads import periods
from core.ads.clicks import Flag
from core.ads.measures import basis_points
from core.ads.outcomes import Reason
from models import stats_read, traffic
from models.reading import at_leisure
from models.traffic import MOST, Recorded, Refused

ENOUGH_CLICKS = 20
WORTH_NAMING_BP = 500
_SIGNS = traffic.Signs(Flag.DATACENTER.value, Flag.TOO_FAST.value, Reason.DATACENTER_IP.value, Reason.TOO_FAST.value)
_NO_CLICKS = Recorded(0, 0, 0, 0, 0)
_NONE_REFUSED = Refused(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """One informer; shares are hundredths of a percent, `actors` those with one click, two, three, four or more.

    Shares of refusals, data centres and fast clicks are of all clicks that came, refused ones included.
    """

    informer_id: int
    informer: str
    site: str
    publisher: str
    clicks: int
    unique: int
    rejected: int
    unique_bp: int
    rejected_bp: int
    datacenter_bp: int
    too_fast_bp: int
    median_view_ms: int
    actors: tuple[int, ...]

    @property
    def enough(self) -> bool:
        """True if there are clicks enough to say anything."""
        return self.clicks + self.rejected >= ENOUGH_CLICKS

    @property
    def signs(self) -> dict[str, int]:
        """Each suspicious share."""
        return {
            "rejected": self.rejected_bp,
            "from data centres": self.datacenter_bp,
            "too fast": self.too_fast_bp,
            "not unique": 10_000 - self.unique_bp if self.clicks else 0,
            f"of actors with {MOST} clicks or more": basis_points(self.actors[-1], sum(self.actors)),
        }

    @property
    def suspicion(self) -> int:
        """The sum of the shares, by which informers are ranked."""
        return sum(self.signs.values())

    @property
    def reason(self) -> str:
        """Why it stands where it stands: the shares that count, largest first."""
        if not self.enough:
            return f"only {self.clicks + self.rejected} click(s), too few to judge"
        named = sorted(self.signs.items(), key=lambda item: -item[1])
        parts = [f"{share / 100:.1f} % {name}" for name, share in named if share >= WORTH_NAMING_BP]
        return ", ".join(parts) or "nothing stands out"


def report(first: date, last: date, login: str | None = None) -> list[Traffic]:
    """Every informer with clicks in the period, the most suspicious first, those with few clicks last.

    Raises LookupError for an unknown login.
    """
    period = periods.stored(first, last)
    with at_leisure():
        account_id = stats_read.account_of(login) if login else None
        recorded = traffic.recorded(period, account_id, _SIGNS)
        refused = traffic.refused(period, account_id, _SIGNS)
        actors = traffic.actors(period, account_id)
        names = traffic.names(recorded.keys() | refused.keys())
    found = [
        _traffic(
            key,
            names[key],
            recorded.get(key, _NO_CLICKS),
            refused.get(key, _NONE_REFUSED),
            actors.get(key, (0,) * MOST),
        )
        for key in names
    ]
    return sorted(found, key=lambda item: (not item.enough, -item.suspicion, item.informer_id))


def _traffic(key: int, names: tuple[str, str, str], good: Recorded, bad: Refused, actors: tuple[int, ...]) -> Traffic:
    came = good.clicks + bad.clicks
    return Traffic(
        key,
        *names,
        good.clicks,
        good.unique,
        bad.clicks,
        basis_points(good.unique, good.clicks),
        basis_points(bad.clicks, came),
        basis_points(good.datacenter + bad.datacenter, came),
        basis_points(good.too_fast + bad.too_fast, came),
        good.median_view_ms,
        actors,
    )


def missing_days(first: date, last: date) -> list[date]:
    """Days whose clicks are in the archive, and so in no report."""
    period = periods.stored(first, last)
    return stats_read.archived("click", period.first, period.last)
