"""Tests of the actors of the ad network."""
