"""The demo: a small made-up ad network, its visitors, and their story as it happens."""
