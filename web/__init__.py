"""What the outside world calls: the redirect, the intake for services, the pages of the operator."""
