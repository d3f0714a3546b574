"""Measurements, the servers they run on, and the runs that break things on purpose."""
