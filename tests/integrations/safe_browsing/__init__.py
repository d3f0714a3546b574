"""Reputation providers."""
