"""Rules of clicks: who may be counted, who is refused, what is owed."""
