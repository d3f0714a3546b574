"""Tests of settings and catalog."""
