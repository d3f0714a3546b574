"""Tests of the queue's machinery and the actors."""
