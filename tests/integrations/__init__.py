"""Tests of the clients for outside systems."""
