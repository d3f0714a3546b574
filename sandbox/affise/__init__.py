"""Affise as far as tracking domains need it: offers on pages, partial edits, domains."""
