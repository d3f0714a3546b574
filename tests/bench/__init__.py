"""Tests of the benches and their servers."""
