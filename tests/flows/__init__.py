"""One whole story per task of the product."""
