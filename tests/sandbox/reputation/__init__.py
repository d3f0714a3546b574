"""Tests of the imitated reputation providers."""
