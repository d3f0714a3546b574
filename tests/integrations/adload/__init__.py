"""Tests of the AdLoad drivers."""
