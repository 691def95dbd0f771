"""Everything at rest: entries, stores, transfer. Knows neither `addon` nor mitmproxy."""
