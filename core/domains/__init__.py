"""Rules of tracking domains: what counts as bad, who decides, which domain comes next."""
