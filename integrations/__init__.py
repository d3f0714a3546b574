"""Clients of the systems outside: they speak a protocol and name the outcome; they decide nothing and read no rows."""
