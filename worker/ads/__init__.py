"""Actors of the ad network; importing the package declares them all."""

from worker.ads import archive, campaigns, clicks, impressions, mail, payouts, persons, reconciliation, stats

__all__ = ["archive", "campaigns", "clicks", "impressions", "mail", "payouts", "persons", "reconciliation", "stats"]
