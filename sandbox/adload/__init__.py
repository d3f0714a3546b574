"""The AdLoad tenant: campaigns, offers and one ledger, reachable as JSON and as XML-RPC."""
