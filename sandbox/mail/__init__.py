"""A mail server: it takes letters over SMTP and shows them over HTTP."""
