"""Actors, and the machinery that runs them: brokers, relay, middleware."""
