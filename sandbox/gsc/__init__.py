"""Search Console and the endpoint that exchanges keys for tokens."""
