"""The queue library's traps, on a real broker and a real database."""
