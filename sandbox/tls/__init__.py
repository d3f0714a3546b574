"""One listener with a certificate of the wanted kind for every name."""
