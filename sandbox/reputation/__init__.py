"""Safe Browsing and Web Risk, two doors to one set of listings."""
