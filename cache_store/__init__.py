"""Everything at rest: entries, stores, transfer. Knows nothing of `addon` or mitmproxy."""
