"""Actors of the tracking domains; importing the package declares them all."""

from worker.domains import affise, blocking, checks, drift, news, safety, spares, steps, voluum

__all__ = ["affise", "blocking", "checks", "drift", "news", "safety", "spares", "steps", "voluum"]
