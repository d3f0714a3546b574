"""Voluum as far as tracking domains need it: a session, campaigns as whole objects, tracker domains."""
