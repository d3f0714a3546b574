"""Chaos runs: the real commands under load while processes and servers are killed, then a count of every click."""
