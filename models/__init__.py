"""Thin rows: columns, constraints, named queries and transitions of the state that everything else rests on."""
