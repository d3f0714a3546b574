"""Actors of the ad network; importing the package declares them all."""

from worker.ads import campaigns, clicks, impressions, mail, payouts, reconciliation, stats

__all__ = ["campaigns", "clicks", "impressions", "mail", "payouts", "reconciliation", "stats"]
