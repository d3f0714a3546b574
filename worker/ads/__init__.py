"""Actors of the ad network; importing the package declares them all."""

from worker.ads import (
    archive,
    campaigns,
    clicks,
    dead_letters,
    impressions,
    mail,
    payouts,
    persons,
    reconciliation,
    stats,
)

__all__ = [
    "archive",
    "campaigns",
    "clicks",
    "dead_letters",
    "impressions",
    "mail",
    "payouts",
    "persons",
    "reconciliation",
    "stats",
]
