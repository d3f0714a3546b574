"""How large each scenario is: `quick` for every test run, `full` for the proof."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """So many visits at so many per second; kills, or an outage of so many seconds; patience of the heal."""

    clicks: int
    rate: float
    kills: int = 0
    outage: float = 0.0
    heal: float = 300.0

    @property
    def seconds(self) -> float:
        """How long the load lasts."""
        return self.clicks / self.rate


PROFILES: dict[str, dict[str, Size]] = {
    "quick": {
        "clicks-kill9": Size(1_200, 120, kills=8, heal=240),
        "clicks-kill9-http": Size(1_000, 120, kills=6),
        "clicks-failpoints": Size(2_400, 150, kills=12),
        "books-kill9": Size(1_500, 100, kills=6, heal=240),
        "switches-kill9": Size(1_200, 60, kills=8, heal=120),
        "embedded-kill9": Size(400, 50, kills=3, heal=240),
        "broker-outage": Size(2_000, 150, outage=4),
        "broker-and-database-outage": Size(2_000, 150, outage=4),
        "redirect-kill9": Size(1_200, 120, kills=2, outage=4, heal=240),
        "ack-first": Size(800, 120, kills=2, heal=60),
        "new-ids": Size(800, 120, kills=2, heal=60),
    },
    "full": {
        "clicks-kill9": Size(50_000, 200, kills=200),
        "clicks-kill9-http": Size(10_000, 200, kills=40),
        "clicks-failpoints": Size(50_000, 200, kills=240),
        "books-kill9": Size(12_000, 80, kills=60),
        "switches-kill9": Size(12_000, 40, kills=200, heal=600),
        "embedded-kill9": Size(12_000, 50, kills=50),
        "broker-outage": Size(18_000, 300, outage=30),
        "broker-and-database-outage": Size(18_000, 300, outage=30),
        "redirect-kill9": Size(12_000, 200, kills=20, outage=30),
        "ack-first": Size(4_000, 200, kills=12),
        "new-ids": Size(4_000, 200, kills=12),
    },
}
