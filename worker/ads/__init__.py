"""Actors of the ad network; importing the package declares them all."""

from worker.ads import campaigns, clicks

__all__ = ["campaigns", "clicks"]
