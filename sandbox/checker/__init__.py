"""A checker of domains that answers later, signed."""
